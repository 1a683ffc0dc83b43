// The handlers as Next calls them, against a real Larder: LARDER_ADMIN and LARDER_TOKEN.

import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Isr from '@larder/next/isr';
import useCache from '@larder/next/use-cache';
import { now } from '../src/heads.js';
import { until } from './stub.js';

const run = Math.random().toString(36).slice(2);
const folder = mkdtempSync(join(tmpdir(), 'larder-next-'));
after(() => rmSync(folder, { recursive: true }));

/** The folder of a build's server. */
function build(id) {
  mkdirSync(join(folder, id, 'server'), { recursive: true });
  writeFileSync(join(folder, id, 'BUILD_ID'), `${id}-${run}\n`);
  return join(folder, id, 'server');
}

const request = (id = 'one') => new Isr({ serverDistDir: build(id), dev: false });
const PAGE = { kind: 'APP_PAGE', isFallback: false };
const FETCH = { kind: 'FETCH' };
const LIFE = { revalidate: 60, expire: 3600 };
const SOFT = { expire: 31_536_000 };
const page = (html, tags) => ({
  kind: 'APP_PAGE',
  html,
  rscData: Buffer.from([0, 200, 255]),
  headers: { 'x-next-cache-tags': tags.join(',') },
  postponed: undefined,
  status: 200,
  segmentData: new Map([['/_tree', Buffer.from([1, 254])]]),
});
const data = (body, revalidate = 60) => ({ kind: 'FETCH', data: { headers: {}, body, status: 200, url: 'u' }, revalidate });

/** Has a value made and kept, as a request does that misses it. */
async function keep(key, value, context = { ...PAGE, cacheControl: LIFE }, handler = request()) {
  assert.equal(await handler.get(key, context.fetchCache ? { ...FETCH, ...context } : context), null, 'there is none yet');
  await handler.set(key, value, context);
}

/** What Next makes of what it is given: nothing, a fresh value, or a stale one. */
async function state(key, context = PAGE) {
  const found = await request().get(key, context);
  if (!found) return 'none';
  const { revalidate } = found.cacheControl ?? found.value;
  return revalidate !== false && found.lastModified + revalidate * 1000 < Date.now() ? 'stale' : 'fresh';
}

test('one instance finds what another kept, as it was, and those of another build do not', async () => {
  const key = `/a/${run}`;
  await keep(key, page('<p>'.repeat(2000), [`a${run}`, '_N_T_/a']));
  const found = await request().get(key, PAGE);
  const value = found.value;
  assert.equal(value.html, '<p>'.repeat(2000));
  assert.deepEqual([value.rscData, value.segmentData.get('/_tree')], [Buffer.from([0, 200, 255]), Buffer.from([1, 254])]);
  assert.deepEqual(found.cacheControl, LIFE);
  assert.ok(Math.abs(found.lastModified - Date.now()) < 10_000);
  assert.equal(value.headers['cache-tag'], `a${run}, _N_T_/a`);
  assert.equal(await request('two').get(key, PAGE), null);
  assert.equal(await request().get(key, FETCH), null, 'of another kind');
  // Not found, a route handler, and a picture.
  await keep(`/b/${run}`, null);
  assert.equal((await request().get(`/b/${run}`, PAGE)).value, null);
  const route = { kind: 'APP_ROUTE', body: Buffer.from([9]), status: 201, headers: { 'x-next-cache-tags': 'r', 'cache-tag': 'own' } };
  await keep(`/c/${run}`, route);
  assert.deepEqual((await request().get(`/c/${run}`, PAGE)).value, route);
  assert.equal(route.headers['cache-tag'], 'own, r');
  const picture = { kind: 'IMAGE', buffer: Buffer.alloc(100_000, 7), extension: 'png', etag: 'e', upstreamEtag: 'u', revalidate: 60 };
  await keep(`/d/${run}`, picture, { kind: 'IMAGE', cacheControl: LIFE });
  assert.deepEqual((await request().get(`/d/${run}`, { kind: 'IMAGE' })).value, picture);
});

test('what is revalidated is gone, or stale where it may be', async () => {
  for (const [durations, expected] of [
    [undefined, 'none'],
    [{ expire: 0 }, 'none'],
    [SOFT, 'stale'],
    [{ expire: 300 }, 'stale'],
    [{}, 'stale'],
  ]) {
    const name = `${run}-${JSON.stringify(durations)?.replace(/\W/g, '')}`;
    for (const life of [LIFE, { revalidate: false }]) {
      const key = `/${name}/${life.revalidate}`;
      await keep(key, page('x', [`t${name}`]), { ...PAGE, cacheControl: life });
      assert.equal(await state(key), 'fresh');
    }
    await keep(name, data('x'), { fetchCache: true, tags: [`t${name}`] });
    await keep(`${name}2`, data('x', 0xfffffffe), { fetchCache: true, tags: [`t${name}`] });
    await request().revalidateTag([`t${name}`], durations);
    for (const life of ['60', 'false']) assert.equal(await state(`/${name}/${life}`), expected, `${name} ${life}`);
    for (const key of [name, `${name}2`]) assert.equal(await state(key, FETCH), expected, key);
  }
});

test('what may be stale for a time is gone when that is over', async () => {
  const [key, tag] = [`/for-a-time/${run}`, `for-a-time${run}`];
  await keep(key, page('x', [tag]));
  await keep(`${key}/2`, page('x', [tag, `${tag}2`]));
  // Next tells both handlers.
  await Promise.all([request().revalidateTag(tag, { expire: 1 }), useCache.updateTags([tag], { expire: 1 })]);
  assert.equal(await state(key), 'stale');
  await until('it is gone', async () => (await state(key)) === 'none');
  assert.equal(await state(`${key}/2`), 'none');
});

test('a tag is purged whatever characters it and its neighbours have', async () => {
  for (const [index, odd] of ['5" pipe', ' blank ', '"', 'a\\"b', '\u00a0'].entries()) {
    for (const purged of [odd, `o${index}${run}`]) {
      const key = `/odd/${index}/${purged.length}/${run}`;
      await keep(key, page('x', [odd, `o${index}${run}`]));
      assert.equal(await state(key), 'fresh');
      await request().revalidateTag(purged);
      assert.equal(await state(key), 'none', JSON.stringify([odd, purged]));
    }
  }
});

test('a page with more tags than Larder takes is kept by nobody, and the next one is', async (t) => {
  t.mock.method(console, 'warn', () => {});
  for (const tags of [Array.from({ length: 1025 }, (_, i) => `${i}`), Array.from({ length: 500 }, (_, i) => `${i}`.padStart(200, 'x'))]) {
    const many = page('x', tags);
    await keep(`/many/${tags.length}/${run}`, many);
    assert.deepEqual([many.headers['cache-tag'], many.headers['larder-cache-control']], [undefined, 'no-store']);
    assert.equal(await state(`/many/${tags.length}/${run}`), 'none');
    await keep(`/few/${tags.length}/${run}`, page('x', ['a']));
    assert.equal(await state(`/few/${tags.length}/${run}`), 'fresh');
  }
  assert.equal(console.warn.mock.callCount(), 1);
});

test('a stale page is replaced by a new one', async () => {
  const key = `/new/${run}`;
  await keep(key, page('old', [`new${run}`]));
  await request().revalidateTag(`new${run}`, SOFT);
  const handler = request();
  assert.equal((await handler.get(key, PAGE)).value.html, 'old');
  await handler.set(key, page('new', [`new${run}`]), { ...PAGE, cacheControl: LIFE });
  assert.equal(await state(key), 'fresh');
  assert.equal((await request().get(key, PAGE)).value.html, 'new');
});

test('tags of the page count against fetched data', async () => {
  await keep(`soft${run}`, data('x'), { fetchCache: true, tags: [] });
  const context = { ...FETCH, softTags: ['_N_T_/', `_N_T_/${run}`] };
  assert.equal(await state(`soft${run}`, context), 'fresh');
  await request().revalidateTag([`_N_T_/${run}`]);
  assert.equal(await state(`soft${run}`, context), 'none');
  assert.equal(await state(`soft${run}`, FETCH), 'fresh', 'of another page');
});

test('a value begun before a purge is never valid after it', async () => {
  for (const durations of [undefined, SOFT]) {
    const [key, tag] = [`/before/${run}/${durations}`, `before${run}`];
    const handler = request();
    assert.equal(await handler.get(key, PAGE), null);
    await request().revalidateTag(tag, durations);
    // Another request misses it too, and knows of the purge; this one began before it.
    assert.equal(await request().get(key, PAGE), null);
    assert.equal(await handler.get(key, PAGE), null);
    const value = page('old', [tag]);
    await handler.set(key, value, { ...PAGE, cacheControl: LIFE });
    assert.equal(await state(key), 'none');
    // Nor is the answer that was made of it, as Larder sees it.
    assert.match(value.headers['larder-born'], POINT);
  }
  // Nor is what was fetched for a request that began before.
  const handler = request();
  const [context, ofPage] = [{ fetchCache: true, tags: [] }, { ...FETCH, softTags: [`_N_T_/${run}/f`] }];
  assert.equal(await handler.get(`f${run}`, ofPage), null);
  await request().revalidateTag(`_N_T_/${run}/f`);
  assert.equal(await request().get(`f${run}`, ofPage), null);
  for (let twice = 0; twice < 2; twice += 1) {
    await handler.set(`f${run}`, data('old'), context);
    assert.equal(await handler.get(`f${run}`, ofPage), null);
  }
  const tag = `begun${run}`;
  assert.equal(await useCache.get(tag, []), undefined);
  const timestamp = now();
  await useCache.updateTags([tag]);
  assert.equal(await useCache.get(tag, []), undefined);
  await useCache.set(tag, Promise.resolve(entry(['old'], { tags: [tag], timestamp })));
  assert.equal(await useCache.get(tag, []), undefined);
});

test('what is made of a value that began before a purge is not valid either', async () => {
  const tag = `inner${run}`;
  for (const isPurged of [true, false]) {
    const key = `/outer/${run}/${isPurged}`;
    assert.equal(await useCache.get(`inner${run}`, []), undefined);
    const timestamp = now();
    if (isPurged) await useCache.updateTags([tag]);
    // This request comes after the purge, and waits for the value with another.
    const handler = request();
    assert.equal(await handler.get(key, PAGE), null);
    await useCache.set(`inner${run}`, Promise.resolve(entry(['old'], { tags: [tag], timestamp })));
    const value = page('of old', ['_N_T_/outer', tag]);
    await handler.set(key, value, { ...PAGE, cacheControl: LIFE });
    assert.equal(await state(key), isPurged ? 'none' : 'fresh');
    assert.match(value.headers['larder-born'] ?? '', isPurged ? POINT : /^$/);
  }
});

/** A point in the purge log. */
const POINT = /^[0-9a-f]{16}\.\d+$/;

const entry = (pieces, more) => ({
  value: new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(Buffer.from(piece));
      controller.close();
    },
  }),
  tags: [],
  stale: 30,
  timestamp: now(),
  expire: 3600,
  revalidate: 60,
  ...more,
});

async function keepEntry(key, pieces, more) {
  assert.equal(await useCache.get(key, []), undefined);
  const whole = entry(pieces, more);
  await useCache.set(key, Promise.resolve(whole));
  return whole;
}

const bytes = async (stream) => Buffer.from(await new Response(stream).arrayBuffer());

test('what use cache keeps comes back as it was, be it empty, short or long', async () => {
  const pieces = [['a', '', 'b'], [], [Buffer.alloc(3 << 20, 5), 'end']];
  for (const [index, body] of pieces.entries()) {
    const key = `["build",${index},"\0${run}"]`;
    const { value: _, ...told } = await keepEntry(key, body, { tags: ['m%C3%A4rz', 'a,b'] });
    for (let twice = 0; twice < 2; twice += 1) {
      const { value, ...found } = await useCache.get(key, ['_N_T_/']);
      assert.deepEqual(found, told);
      assert.ok((await bytes(value)).equals(Buffer.concat(body.map((piece) => Buffer.from(piece)))));
    }
    // Whoever stops reading leaves nothing behind.
    await (await useCache.get(key, [])).value.cancel();
  }
  assert.deepEqual([await useCache.getExpiration(['a']), await useCache.refreshTags()], [Infinity, undefined]);
});

test('long values that nobody reads hold nothing up', async () => {
  const key = `unread${run}`;
  await keepEntry(key, [Buffer.alloc(5 << 20)]);
  const unread = await Promise.all(Array.from({ length: 20 }, () => useCache.get(key, [])));
  assert.ok(unread.every(Boolean));
  assert.equal((await bytes((await useCache.get(key, [])).value)).length, 5 << 20);
});

test('what use cache keeps goes with its tags, and with those of the page', async () => {
  for (const [durations, expected] of [
    [undefined, undefined],
    [{ expire: 0 }, undefined],
    [SOFT, -1],
  ]) {
    const [key, tag] = [`${run}${durations?.expire}`, `u${run}${durations?.expire}`];
    await keepEntry(key, ['x'], { tags: [tag] });
    await keepEntry(`${key}-of-page`, ['x']);
    assert.equal((await useCache.get(key, [])).revalidate, 60);
    await useCache.updateTags([tag], durations);
    assert.equal((await useCache.get(key, []))?.revalidate, expected);
    assert.equal((await useCache.get(`${key}-of-page`, [tag]))?.revalidate, expected);
    assert.equal((await useCache.get(`${key}-of-page`, []))?.revalidate, 60);
  }
});

test('who asks for a value on its way waits for it, and what fails is not kept', async () => {
  assert.equal(await useCache.get(`way${run}`, []), undefined);
  const timestamp = now();
  const set = useCache.set(`way${run}`, new Promise((resolve) => setTimeout(resolve, 50, entry(['x'], { timestamp }))));
  assert.equal((await bytes((await useCache.get(`way${run}`, [])).value)).toString(), 'x');
  await set;
  for (const [name, pending] of Object.entries({
    rejected: Promise.reject(new Error('no')),
    broken: Promise.resolve({ ...entry([]), value: new ReadableStream({ pull: (controller) => controller.error(new Error('no')) }) }),
    never: Promise.resolve(entry(['x'], { expire: 0 })),
  })) {
    await useCache.set(`${name}${run}`, pending);
    assert.equal(await useCache.get(`${name}${run}`, []), undefined, name);
  }
});
