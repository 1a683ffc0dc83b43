// A content system for one test: it holds articles, and calls its webhooks when one is published.

import { createServer } from 'node:http';
import { sign } from './sign.mjs';

/** Starts one on a port. `hooks` are `{ kind, secret, url, payload(article) }`. */
export async function contentSystem(port, hooks) {
  const articles = new Map();
  const write = (slug, title) =>
    articles.set(slug, { slug, title, body: `${title}.`, teaser: `${title}.`, text: [`${title}.`], updated: new Date() });
  const server = createServer((request, response) => {
    const [, folder, slug] = request.url.split('/');
    const found = folder !== 'articles' ? undefined : slug ? articles.get(slug) : [...articles.values()];
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(found ?? null));
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));

  /** Publishes, and gives what the webhooks answered. */
  async function publish(slug, title, calls = hooks) {
    write(slug, title);
    return Promise.all(calls.map((hook) => call(hook, slug)));
  }

  async function call({ kind, secret, url, payload }, slug) {
    const body = JSON.stringify(payload(articles.get(slug)));
    const headers = sign(kind, { secret, body, target: new URL(url).pathname });
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
    return { status: response.status, ...(await response.json()) };
  }

  return { write, publish, close: () => server.close() };
}
