// Against a real Larder: LARDER_ADMIN, LARDER_TOKEN, and LARDER_SITE, whose revalidate secret is
// REVALIDATE_SECRET and whose origin gives every path the tag of its first segment.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Larder, LarderError, revalidate } from '@larder/client';

const site = process.env.LARDER_SITE;
const secret = process.env.REVALIDATE_SECRET;
const larder = new Larder();
const run = Math.random().toString(36).slice(2);
const host = new URL(site).host;

async function get(path) {
  const response = await fetch(site + path);
  await response.text();
  return response.headers.get('cache-status');
}

/** Has it stored: a miss, then a hit. */
async function fill(path) {
  await get(path);
  assert.match(await get(path), /larder; hit/, path);
}

test('purges what is named', async () => {
  for (const [path, request] of [
    [`/tag${run}/1`, { tags: [`tag${run}`] }],
    [`/url/${run}`, { urls: [`/url/${run}`], reason: 'a test' }],
    [`/below/${run}`, { prefixes: [`${host.split(':')[0]}/below`] }],
    [`/fits/${run}`, { patterns: [`*/fits/${run}`] }],
    [`/all/${run}`, { everything: true }],
  ]) {
    await fill(path);
    const { success, invalidated, seq } = await larder.purge(request);
    assert.deepEqual([success, invalidated, typeof seq], [true, 1, 'number']);
    assert.match(await get(path), /fwd=uri-miss/, path);
  }
});

test('counts before it purges, and verifies after it', async () => {
  await fill(`/dry${run}/1`);
  const counted = await larder.purge({ tags: [`dry${run}`], dryRun: true });
  assert.deepEqual([counted.dry_run, counted.objects, counted.seq], [true, 1, undefined]);
  assert.match(await get(`/dry${run}/1`), /larder; hit/);
  const { verified } = await larder.purge({ urls: [`${host}/dry${run}/1`], verify: true });
  assert.equal(verified.urls[0].outcome, 'changed');
});

test('explains and shows what is stored', async () => {
  const url = `${site}/seen/${run}`;
  assert.equal(await larder.object(url), undefined);
  await fill(`/seen/${run}`);
  assert.equal((await larder.object(url)).picked.status, 200);
  assert.match(JSON.stringify(await larder.explain(url, { headers: { 'Accept-Language': 'de' } })), /hit/);
  assert.match(JSON.stringify(await larder.explain(`${url}/2`, { fetch: true })), /200/);
  const urls = [];
  for await (const object of larder.objects({ prefix: `${host.split(':')[0]}/seen`, pageSize: 1 })) urls.push(object.url);
  assert.deepEqual(urls.filter((one) => one.includes(run)), [url]);
  assert.equal(typeof (await larder.status()).version, 'string');
  assert.deepEqual((await larder.hooks()).hooks, []);
});

test('has pages made anew through the site', async () => {
  await fill(`/page/${run}`);
  const said = await revalidate({ site, secret, paths: [`/page/${run}`] });
  assert.deepEqual(said, { success: true, invalidated: 1, paths: [`/page/${run}`] });
  assert.match(await get(`/page/${run}`), /fwd=uri-miss/);
  await assert.rejects(revalidate({ site, secret: 'another-secret', paths: ['/'] }), { status: 401 });
});

test('says what is wrong', async () => {
  const refused = (promise, status, type, words) =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof LarderError);
      assert.deepEqual([error.status, error.type], [status, type]);
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, new RegExp(process.env.LARDER_TOKEN));
      return true;
    });
  await refused(larder.purge({}), 400, 'bad-request', /nothing is named/);
  await refused(new Larder({ token: 'wrong-token-wrong-token' }).status(), 401, 'wrong-token', /token/);
  await refused(larder.explain('http://'), 400, 'bad-request', /write url/);
  for (const url of ['localhost', 'localhost:9090']) assert.throws(() => new Larder({ url }), /LarderError: .* is no URL/);
  for (const token of ['two\nlines', 'm\u{e4}rz']) {
    assert.throws(() => new Larder({ token }), (error) => error instanceof LarderError && !error.message.includes(token));
  }
  const odd = createServer((request, response) => {
    response.writeHead(200).write('<');
    if (request.method === 'GET') response.end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => odd.once('listening', resolve));
  const at = { url: `http://127.0.0.1:${odd.address().port}`, timeoutMs: 200 };
  await refused(new Larder(at).status(), 200, undefined, /no JSON/);
  await refused(new Larder(at).purge({ tags: ['a'] }), 200, undefined, /in time/);
  odd.closeAllConnections();
  await new Promise((resolve) => odd.close(resolve));

  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const url = `http://127.0.0.1:${silent.address().port}`;
  await refused(new Larder({ url, timeoutMs: 50 }).status(), undefined, undefined, /none within 50 ms/);
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
  await refused(new Larder({ url }).status(), undefined, undefined, /no answer .*ECONNREFUSED/);
});
