// What stands in the place of a picture, asked of a stand-in for the site.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { placeholder } from '@larder/astro/placeholder';

const asked = [];
const server = createServer((request, response) => {
  asked.push(request.url);
  if (request.url.includes('gone')) response.statusCode = 404;
  if (request.url.includes('hangs')) return;
  response.end(request.url.includes('palette') ? '["#0102ff"]' : 'data:image/webp;base64,AA');
});
let site;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  site = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

test('a placeholder is what Larder tells', async () => {
  assert.equal(await placeholder('/jars.jpg', { site }), 'data:image/webp;base64,AA');
  assert.deepEqual(await placeholder('https://cdn.a.b/a.jpg?v=1', { site, kind: 'palette' }), ['#0102ff']);
  assert.deepEqual(asked, ['/_larder/image/lqip/jars.jpg', '/_larder/image/palette/https%3A%2F%2Fcdn.a.b%2Fa.jpg%3Fv%3D1']);
});

test('a page does without one that cannot be had', async () => {
  assert.equal(await placeholder('/gone.jpg', { site }), undefined);
  assert.equal(await placeholder('/hangs.jpg', { site, timeoutMs: 50 }), undefined);
  assert.equal(await placeholder('/a.jpg', { site: 'http://127.0.0.1:1' }), undefined);
  // What is no answer but a mistake is told.
  await assert.rejects(placeholder('/a.jpg', { site, kind: 'blur' }), /lqip, blurhash/);
  await assert.rejects(placeholder('/a.jpg', { site: 'example.com' }), /LARDER_SITE/);
});
