// sharp behind the least server: /TASK/FORMAT/QUALITY/WIDTH/NAME, of the folder PHOTOS, on PORT.
import { createServer } from "node:http";
import sharp from "sharp";

const { PHOTOS, PORT } = process.env;

/** A watermark at half its opacity, a fifth as wide as the picture, in the lower right corner. */
async function watermark(width) {
  const mark = sharp(`${PHOTOS}/mark.png`).resize(Math.round(width / 5)).ensureAlpha();
  const half = { input: Buffer.from([255, 255, 255, 128]), raw: { width: 1, height: 1, channels: 4 }, tile: true, blend: "dest-in" };
  return { input: await mark.composite([half]).png().toBuffer(), gravity: "southeast" };
}

createServer(async (request, response) => {
  const [task, format, quality, width, name] = request.url.split("?")[0].slice(1).split("/");
  const options = quality === "-" ? {} : { quality: Number(quality) };
  try {
    let made = sharp(`${PHOTOS}/${name}`, { animated: task === "moving" }).autoOrient().resize(Number(width));
    if (task === "watermark") made = made.composite([await watermark(Number(width))]);
    response.end(await made.toFormat(format, options).toBuffer());
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(PORT, "127.0.0.1");
