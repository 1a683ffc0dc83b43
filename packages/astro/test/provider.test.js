// The provider by itself; tests/sites/astro uses it as Astro does.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import larder, { larderCache } from '@larder/astro';
import provider from '@larder/astro/provider';

const request = new Request('http://a.b/isr/a/?x=1');

test('what a page says becomes headers', () => {
  for (const [options, expected] of [
    [{ maxAge: 60, swr: 600, tags: ['a', 'b'] }, { 'larder-cache-control': 'max-age=60, stale-while-revalidate=600', 'cache-tag': 'a, b, astro-path:/isr/a/' }],
    [{ tags: ['a,b', 'm\u{e4}rz'] }, { 'cache-tag': 'a%2Cb, m\u{c3}\u{a4}rz, astro-path:/isr/a/' }],
    [{ maxAge: 0 }, { 'larder-cache-control': 'max-age=0', 'cache-tag': 'astro-path:/isr/a/' }],
    [
      { maxAge: 5, lastModified: new Date(0), etag: '"x"' },
      { 'larder-cache-control': 'max-age=5', 'cache-tag': 'astro-path:/isr/a/', 'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT', etag: '"x"' },
    ],
  ]) {
    assert.deepEqual(Object.fromEntries(provider().setHeaders(options, request)), expected);
  }
});

test('what is invalidated is purged, and what fails is said', async (t) => {
  const asked = [];
  let status = 200;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    asked.push([request.method, request.url, request.headers.authorization, JSON.parse(body)]);
    response.writeHead(status).end(JSON.stringify(status === 200 ? { success: true } : { title: 'No', detail: 'never' }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  process.env.LARDER_ADMIN = `http://127.0.0.1:${server.address().port}`;
  process.env.LARDER_TOKEN = 'a-token-of-the-server';
  const tags = ['a'];
  await provider().invalidate({ path: '/x', tags });
  await provider({ soft: true, site: 'a.b' }).invalidate({ tags: 'm\u{e4}rz,b' });
  await provider().invalidate({ path: '/caf\u{e9}/?x', tags: [' b '] });
  await provider().invalidate({});
  assert.deepEqual(asked, [
    ['POST', '/v1/purge', 'Bearer a-token-of-the-server', { tags: ['a', 'astro-path:/x'], soft: false }],
    ['POST', '/v1/purge', 'Bearer a-token-of-the-server', { tags: ['m\u{e4}rz%2Cb'], soft: true, sites: ['a.b'] }],
    ['POST', '/v1/purge', 'Bearer a-token-of-the-server', { tags: ['b', 'astro-path:/caf%C3%A9/'], soft: false }],
  ]);
  assert.deepEqual(tags, ['a'], 'the list of the caller stays as it is');
  status = 503;
  await assert.rejects(provider().invalidate({ tags }), /503.*No; never/);
  const away = provider({ url: 'http://127.0.0.1:1' });
  await assert.rejects(away.invalidate({ tags }), /no answer from Larder/);
});

test('the integration sets the provider, and no token is written into the build', () => {
  let config;
  const updateConfig = (update) => (config = update);
  larder({ url: 'http://l:9090', site: 'a.b', soft: true }).hooks['astro:config:setup']({ updateConfig });
  assert.equal(config.cache.provider.entrypoint, '@larder/astro/provider');
  assert.deepEqual(config.cache.provider, larderCache({ url: 'http://l:9090', site: 'a.b', soft: true }));
  assert.ok(!JSON.stringify(config).includes('token'));
});
