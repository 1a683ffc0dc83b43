// Signs webhooks as content systems do, by Node's crypto and nothing of Larder's.
// As a program: node sign.mjs KIND '{"secret":…,"body":…}' prints the headers as JSON.
import { createHmac } from "node:crypto";
import { fileURLToPath } from "node:url";

const hmac = (secret, message, encoding) => createHmac("sha256", secret).update(message).digest(encoding);

/// The headers that a system sends with a body. `at` is the time in milliseconds, `id` that of the
/// delivery, `event` what happened.
export function sign(kind, { secret, body, target = "/", at = Date.now(), id = `${Math.random()}`, event, header = "authorization" }) {
  switch (kind) {
    case "contentful": {
      const signed = {
        "x-contentful-timestamp": `${at}`,
        "x-contentful-signed-headers": "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic",
        "x-contentful-topic": event ?? "ContentManagement.Entry.publish",
      };
      const names = Object.keys(signed).sort();
      const line = ["POST", target, names.map((name) => `${name}:${signed[name]}`).join(";"), body].join("\n");
      return {
        ...signed,
        "content-type": "application/vnd.contentful.management.v1+json",
        "x-contentful-signature": hmac(secret, line, "hex"),
      };
    }
    case "sanity":
      return {
        "sanity-webhook-signature": `t=${at},v1=${hmac(secret, `${at}.${body}`, "base64url")}`,
        "sanity-operation": event ?? "update",
      };
    case "ghost":
      return { "x-ghost-signature": `sha256=${hmac(secret, `${body}${at}`, "hex")}, t=${at}` };
    case "shopify":
      return {
        "x-shopify-hmac-sha256": hmac(secret, body, "base64"),
        "x-shopify-topic": event ?? "products/update",
        "x-shopify-webhook-id": id,
      };
    case "github":
      return {
        "x-hub-signature-256": `sha256=${hmac(secret, body, "hex")}`,
        "x-github-event": event ?? "push",
        "x-github-delivery": id,
      };
    case "standard": {
      const seconds = Math.floor(at / 1000);
      const key = Buffer.from(secret.replace("whsec_", ""), "base64");
      return {
        "webhook-id": id,
        "webhook-timestamp": `${seconds}`,
        "webhook-signature": `v1,${hmac(key, `${id}.${seconds}.${body}`, "base64")}`,
      };
    }
    case "header":
      return { [header]: header === "authorization" ? `Bearer ${secret}` : secret };
    default:
      throw new Error(`no content system is called ${kind}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(sign(process.argv[2], JSON.parse(process.argv[3]))));
}
