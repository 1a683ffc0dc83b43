// Values, tags, points of the purge log and the configuration, each by itself.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { withLarder } from '@larder/next';
import { Expiry } from '../src/expiry.js';
import { Heads, now } from '../src/heads.js';
import { Making } from '../src/making.js';
import { header, named, ofPage, purged } from '../src/tags.js';
import { decode, decodeHead, encode, encodeHead } from '../src/value.js';

test('values come back as they were', () => {
  const bytes = Buffer.from([0, 255, 128, 10]);
  for (const value of [
    null,
    'text',
    'l\u{f6}ng '.repeat(1000),
    '\ud800'.repeat(2000),
    { kind: 'APP_PAGE', html: '<p>'.repeat(9999), rscData: bytes, segmentData: new Map([['/_tree', bytes], ['', Buffer.alloc(0)]]), status: 200 },
    { '@larder': ['bytes', 0], deep: [{ '@larder': null }, [new Map([[{ a: 1 }, [bytes]]])]] },
    { __proto__: null, constructor: 1 },
  ]) {
    const got = decode(Buffer.concat(encode(value)));
    assert.deepEqual(got, value && typeof value === 'object' ? { ...value } : value);
  }
  const { rscData } = decode(Buffer.concat(encode({ rscData: bytes, postponed: undefined })));
  assert.ok(Buffer.isBuffer(rscData));
});

test('what is not whole, or of something else, is no value', () => {
  const bytes = Buffer.concat(encode({ html: 'x'.repeat(2000) }));
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => decode(bytes.subarray(0, length)), Error, `${length}`);
  }
  assert.throws(() => decode(Buffer.concat([bytes, bytes])));
  assert.throws(() => decode(Buffer.from('{"kind":"FETCH"}')));
  const head = encodeHead({ a: 1 });
  assert.equal(decodeHead(head.subarray(0, 9)), undefined);
  assert.deepEqual(decodeHead(Buffer.concat([head, Buffer.from('rest')])), { about: { a: 1 }, rest: Buffer.from('rest') });
});

test('tags are written as webhooks write them', () => {
  for (const [tag, expected] of [
    ['post:17', 'post:17'],
    ['m%C3%A4rz', 'm\u{e4}rz'],
    ['m\u{e4}rz', 'm\u{e4}rz'],
    ['a%20b%2C', 'a%20b%2C'],
    ['a,b', 'a%2Cb'],
    ['%FF', '%FF'],
    ['_N_T_/[slug]/page', '_N_T_/[slug]/page'],
  ]) {
    assert.equal(named(tag), expected);
  }
  assert.equal(header(['a', 'm%C3%A4rz', 'a']), 'a, m\u{c3}\u{a4}rz');
  assert.equal(header([]), undefined);
  assert.deepEqual(ofPage({ 'x-next-cache-tags': 'a,_N_T_/x' }), ['a', '_N_T_/x']);
  assert.deepEqual([ofPage(undefined), ofPage({})], [[], []]);
  // Next takes tags of pages apart at commas.
  assert.deepEqual(purged(['a,b', 'c']), ['a%2Cb', 'a', 'b', 'c']);
});

test('a time is never told a point of the log that was known later', () => {
  const heads = new Heads();
  assert.equal(heads.at(now()), undefined);
  const times = [];
  for (const head of ['x.1', 'x.1', 'x.9', 'x.10', 'x.9', undefined, 'y.2']) {
    heads.saw(head);
    times.push(now());
  }
  assert.deepEqual(times.map((time) => heads.at(time)), ['x.1', 'x.1', 'x.9', 'x.10', 'x.10', 'x.10', 'y.2']);
  for (let seq = 3; seq < 2000; seq += 1) heads.saw(`y.${seq}`);
  assert.equal(heads.at(times[0]), undefined, 'forgotten');
});

test('a value is as old as what it may be made of', () => {
  const making = new Making();
  making.begin('a', 100);
  making.begin('a', 150);
  making.begin('given up', 50);
  assert.equal(making.since(200, ['t']), 200, 'not yet made of it');
  making.end('a', ['t'], 300);
  for (const [time, tags, expected] of [
    [200, ['t', 'u'], 100],
    [200, ['u'], 200],
    [301, ['t'], 301],
    [90, ['t'], 90],
  ]) {
    assert.equal(making.since(time, tags), expected);
  }
  making.end('never begun', [], 400);
  making.end('later', [], 100_000);
  assert.equal(making.since(200, ['t']), 200, 'forgotten');
  making.end('given up', [], 100_001);
  assert.equal(making.since(200, ['t']), 200);
});

test('however many values are made, few are told apart, and none seems younger for that', () => {
  const making = new Making();
  for (let i = 0; i < 20_000; i += 1) {
    making.begin(`k${i}`, i);
    making.end(`k${i}`, ['all', `t${i}`], i + 1);
  }
  // Those taken together may have been used wherever one of them was.
  assert.equal(making.since(100, ['all', 't100']), 0);
  assert.equal(making.since(100, ['other']), 100);
  making.begin('broken', 20_000);
  making.giveUp('broken');
  making.end('broken', ['b'], 20_001);
  assert.equal(making.since(20_000, ['b']), 20_000);
});

test('the configuration names both handlers, and keeps what else it says', async () => {
  const config = withLarder({ basePath: '/x', cacheHandlers: { other: '/other.js' } });
  assert.deepEqual([config.basePath, config.cacheHandlers.other, config.cacheMaxMemorySize], ['/x', '/other.js', 0]);
  for (const path of [config.cacheHandler, config.cacheHandlers.default, config.cacheHandlers.remote]) {
    assert.ok(existsSync(path) && path.startsWith('/'), path);
  }
  const later = await withLarder(async (phase) => ({ basePath: phase }))('/p');
  assert.deepEqual([later.basePath, later.cacheHandler], ['/p', config.cacheHandler]);
  process.env.NODE_ENV = 'development';
  assert.deepEqual(withLarder({ basePath: '/x' }), { basePath: '/x' });
  delete process.env.NODE_ENV;
});

test('while a site is built it is kept in memory, and Larder need not be there', async () => {
  const program = `
    import Isr from '@larder/next/isr';
    import useCache from '@larder/next/use-cache';
    const value = { kind: 'FETCH', data: { body: 'x' }, revalidate: 60 };
    await new Isr({}).set('k', value, { fetchCache: true, tags: ['t'] });
    const { value: { data } } = await new Isr({}).get('k', { kind: 'FETCH', tags: ['t'] });
    await useCache.set('k', Promise.resolve({ value: new Blob(['abc']).stream(), tags: [], stale: 1, timestamp: 1, expire: 9, revalidate: 5 }));
    await useCache.updateTags(['t']);
    const entry = await useCache.get('k', []);
    console.log(data.body, entry.revalidate, await new Response(entry.value).text(), await useCache.get('other', []));
  `;
  const env = { ...process.env, NEXT_PHASE: 'phase-production-build', LARDER_ADMIN: 'http://127.0.0.1:1' };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { env, cwd: import.meta.dirname });
  assert.deepEqual([stdout, stderr], ['x 5 abc undefined\n', '']);
});

test('the old of tags may be served for the time that was named last', async (t) => {
  let at = 0;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'now', () => at);
  const purged = [];
  const expiry = new Expiry((tags) => purged.push([at / 1000, ...tags]));
  const pass = (seconds) => {
    for (let i = 0; i < seconds; i += 1) {
      at += 1000;
      t.mock.timers.tick(1000);
    }
  };
  expiry.note(['a', 'b', 'c', 'd'], 300);
  expiry.note(['b'], 100);
  expiry.note(['c'], Infinity);
  pass(99);
  assert.deepEqual(purged, []);
  pass(1);
  assert.deepEqual(purged, [[100, 'b']]);
  expiry.note(['d'], 300);
  pass(500);
  assert.deepEqual(purged.slice(1), [[300, 'a'], [400, 'd']]);
  // Longer than any timer, and more than are noted.
  at += 1000;
  expiry.note(['long'], 30 * 86_400);
  at += 30 * 86_400_000;
  t.mock.timers.tick(2 ** 31);
  assert.deepEqual(purged.at(-1).slice(1), ['long']);
  expiry.note(Array.from({ length: 5000 }, (_, index) => `${index}`), 1);
  pass(1);
  assert.deepEqual([purged.at(-1).length - 1, purged.at(-1).at(-1)], [4096, '4999']);
});
