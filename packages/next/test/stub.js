// A stand-in for Larder's admin listener, which does as a test tells it.

import { once } from 'node:events';
import { createServer } from 'node:http';

/** Starts one. `answer(request, response, body)` answers; `asked` lists what was asked for. */
export async function stub(answer, port = 0) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = '';
    try {
      for await (const piece of request) body += piece;
    } catch {
      // It broke off.
      return;
    }
    asked.push(`${request.method} ${request.url}${body && ` ${body}`}`);
    response.setHeader('Larder-Head', 'log.1');
    await answer(request, response, body);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const { port: taken } = server.address();
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { asked, port: taken, url: `http://127.0.0.1:${taken}`, server, close };
}

/** Waits until something is so. */
export async function until(what, isSo) {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`in vain waited for: ${what}`);
}
