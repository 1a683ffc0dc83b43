// How Larder is asked, with a stand-in for it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Larder } from '../src/larder.js';
import { whole } from '../src/http.js';
import { stub, until } from './stub.js';

function larderAt(url, t, timeoutMs = 1000) {
  Object.assign(process.env, { LARDER_ADMIN: url, LARDER_TOKEN: 'a-token', LARDER_TIMEOUT_MS: `${timeoutMs}` });
  const said = [];
  t.mock.method(console, 'warn', (line) => said.push(line));
  return { larder: new Larder(), said };
}

const none = (request, response) => response.writeHead(request.method === 'GET' ? 404 : 200).end('{}');

/** Whether an entry is asked for, rather than left. */
const isAsked = (larder) => larder.look('k').then(() => true, () => false);

test('purges of one tick are one request, and all wait for its answer', async (t) => {
  let release;
  const server = await stub((request, response) => (release = () => none(request, response)));
  t.after(server.close);
  const { larder } = larderAt(server.url, t);
  const done = [];
  const wait = (promise) => promise.then(() => done.push(1));
  // Next calls both handlers with the same tags, and groups by how long they may be stale.
  const first = [wait(larder.purge(['a', 'b'], false)), wait(larder.purge(['b', 'a'], false))];
  await until('it is asked', () => release);
  assert.deepEqual(server.asked, ['POST /v1/purge {"tags":["a","b"],"soft":false}']);
  assert.equal(done.length, 0);
  // What is revalidated once more meanwhile is purged once more.
  const second = wait(larder.purge(['a'], false));
  const soft = wait(larder.purge(['c'], true));
  for (const count of [2, 3]) {
    release();
    await until('it is asked', () => server.asked.length === count);
  }
  release();
  await Promise.all([...first, second, soft]);
  assert.deepEqual(server.asked.slice(1), ['POST /v1/purge {"tags":["a"],"soft":false}', 'POST /v1/purge {"tags":["c"],"soft":true}']);
});

test('where Larder is away nobody waits, and purges reach it when it is back', async (t) => {
  const first = await stub(none);
  const { larder, said } = larderAt(first.url, t);
  assert.ok(await isAsked(larder));
  await first.close();
  assert.ok(!(await isAsked(larder)));
  await larder.purge(['a'], false);
  await larder.purge(['b', 'a'], false);
  await larder.purge(['c'], true);
  assert.equal(said.length, 2, said.join('\n'));
  assert.match(said[0], /no answer from Larder at .*ECONNREFUSED.* done without/);
  assert.match(said[1], /is told of what was revalidated once it answers/);
  const second = await stub(none, first.port);
  t.after(second.close);
  await until('it is asked again', () => isAsked(larder));
  assert.deepEqual(second.asked.slice(0, 2), [
    'POST /v1/purge {"tags":["a","b"],"soft":false}',
    'POST /v1/purge {"tags":["c"],"soft":true}',
  ]);
  assert.match(said[2], /answers again/);
  assert.equal(second.asked.filter((line) => line.startsWith('POST')).length, 2);
});

test('of a Larder that does not answer only the first request waits', async (t) => {
  const server = await stub(() => {});
  t.after(server.close);
  const { larder, said } = larderAt(server.url, t, 200);
  const begun = performance.now();
  assert.ok(!(await isAsked(larder)));
  const first = performance.now() - begun;
  for (let i = 0; i < 100; i += 1) assert.ok(!(await isAsked(larder)));
  assert.ok(performance.now() - begun < 2 * first, 'the others did not wait');
  assert.match(said[0], /none within 200 ms/);
  assert.equal(said.length, 1);
});

test('a token that may not is told once, and how that is mended', async (t) => {
  const problem = JSON.stringify({ title: 'This token is not for that', detail: 'give it "it"' });
  let may = [];
  const server = await stub((request, response) => {
    if (may.includes(request.method)) return none(request, response);
    return response.writeHead(403).end(problem);
  });
  t.after(server.close);
  const { larder, said } = larderAt(server.url, t);
  for (let i = 0; i < 3; i += 1) assert.ok(!(await isAsked(larder)));
  const of = '@larder/next: Larder answers 403: This token is not for that; give it "it".';
  const mended = 'Larder is done without until that is mended: LARDER_TOKEN has to be one that may read, refresh and purge.';
  assert.deepEqual(said, [`${of} ${mended}`]);
  // It may be mended in Larder, too.
  may = ['GET'];
  await until('it is asked again', () => isAsked(larder));
  for (let i = 0; i < 3; i += 1) await larder.purge(['a'], false);
  assert.ok(!(await isAsked(larder)), 'it would give what was not purged');
  may = ['GET', 'POST'];
  await until('it is asked again', () => isAsked(larder));
  assert.deepEqual(server.asked.at(-3), 'POST /v1/purge {"tags":["a"],"soft":false}');
  const again = `@larder/next: Larder at ${server.url} answers again.`;
  assert.deepEqual(said.slice(1), [again, `${of} What was revalidated was not purged, and ${mended}`, again]);
});

test('what one request meets keeps no other from asking, and is told once', async (t) => {
  const server = await stub((request, response) => {
    const status = request.method === 'PUT' ? 403 : request.url.includes('odd') ? 400 : request.url.includes('long') ? 431 : 404;
    response.writeHead(status).end(JSON.stringify({ title: `It is ${status}` }));
  });
  t.after(server.close);
  const { larder, said } = larderAt(server.url, t);
  for (let i = 0; i < 3; i += 1) {
    await assert.rejects(larder.look('odd'), /400/);
    await assert.rejects(larder.look('long'), /431/);
    assert.deepEqual(await larder.keep('k', { 'larder-born': 'log.1' }, [Buffer.from('x')]), { mayBeOutdated: false });
    assert.ok(await isAsked(larder));
  }
  assert.deepEqual(said, [
    '@larder/next: Larder answers 400: It is 400.',
    '@larder/next: Larder answers 431: It is 431.',
    '@larder/next: nothing is kept: Larder answers 403: It is 403.',
  ]);
});

test('an address that is none is told, and Larder done without', async (t) => {
  const { larder, said } = larderAt('localhost:9090', t);
  assert.ok(!(await isAsked(larder)));
  await larder.purge(['a'], false);
  assert.deepEqual(said, ['@larder/next: localhost:9090 is no URL of http: write http://127.0.0.1:9090. Larder is done without.']);
});

test('a connection that was closed meanwhile is no failure', async (t) => {
  const server = await stub(none);
  t.after(server.close);
  const { larder, said } = larderAt(server.url, t);
  for (let i = 0; i < 20; i += 1) {
    assert.ok(await isAsked(larder));
    server.server.closeIdleConnections();
  }
  assert.deepEqual(said, []);
});

test('a body that breaks off is known to be broken', async (t) => {
  const server = await stub((request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half');
    setTimeout(() => response.destroy(), 20);
  });
  t.after(server.close);
  const { larder } = larderAt(server.url, t);
  const { body } = await larder.look('k');
  await assert.rejects(whole(body), /broke off/);
});

test('who waits for a connection waits no longer than others, and Larder is not blamed', async (t) => {
  const server = await stub((request, response) => {
    const isLong = request.url.endsWith('long');
    response.writeHead(request.method === 'POST' || isLong ? 200 : 404).end(Buffer.alloc(isLong ? 1 << 22 : 1));
  });
  t.after(server.close);
  const { larder, said } = larderAt(server.url, t);
  const held = await Promise.all(Array.from({ length: 12 }, () => larder.look('long')));
  await Promise.all(held.map(({ body }) => body.next()));
  const begun = performance.now();
  await assert.rejects(larder.look('k'), /no connection to Larder was free within 1000 ms/);
  assert.ok(performance.now() - begun < 5000);
  // Purges do not wait for readers.
  await larder.purge(['a'], false);
  assert.match(server.asked.at(-1), /^POST/);
  await Promise.all(held.map(({ body }) => body.return()));
  assert.ok(await isAsked(larder));
  assert.deepEqual(said, []);
});

test('many who ask at once are no sign that Larder is away', async (t) => {
  const server = await stub((request, response) => setTimeout(none, 40, request, response));
  t.after(server.close);
  // The last waits longer for its connection than Larder may for any answer; on a busy machine too long.
  const { larder, said } = larderAt(server.url, t, 500);
  const asked = await Promise.allSettled(Array.from({ length: 180 }, () => larder.look('k')));
  for (const { reason } of asked) assert.match(reason?.message ?? 'no connection', /no connection/);
  assert.deepEqual(said, []);
  // Nor is a process that is busy while the answer comes.
  const before = server.asked.length;
  const asking = isAsked(larder);
  await until('it is on its way', () => server.asked.length === before + 1);
  for (const end = performance.now() + 800; performance.now() < end; );
  assert.deepEqual([await asking, said], [true, []]);
});

test('an answer that comes by drops, or has no end, is none', async (t) => {
  const server = await stub(async (request, response) => {
    response.writeHead(200);
    const isLong = request.url.endsWith('long');
    while (!response.destroyed) {
      response.write(Buffer.alloc(isLong ? 1 << 16 : 1));
      await new Promise((resolve) => setTimeout(resolve, isLong ? 0 : 50));
    }
  });
  t.after(server.close);
  const { larder } = larderAt(server.url, t, 300);
  const long = await larder.look('long');
  await assert.rejects(whole(long.body), /longer than 1048576 bytes/);
  const begun = performance.now();
  const drops = await larder.look('drops');
  await assert.rejects(whole(drops.body), /did not come within 300 ms/);
  assert.ok(performance.now() - begun < 3000);
});

test('a value whose making fails is not kept, and Larder is not blamed', async (t) => {
  const server = await stub(none);
  t.after(server.close);
  const { larder, said } = larderAt(server.url, t);
  async function* body() {
    yield Buffer.alloc(100_000);
    throw Object.assign(new Error('of the app'), { code: 'ECONNREFUSED' });
  }
  await assert.rejects(larder.keep('k', {}, body()), /of the app/);
  assert.ok(await isAsked(larder));
  assert.deepEqual([said, server.asked], [[], ['GET /v1/entries/k']]);
});

test('a long body that Larder cuts short keeps no other request from asking', async (t) => {
  const server = await stub(none);
  t.after(server.close);
  server.server.prependListener('request', (request) => {
    if (request.method === 'PUT') request.once('data', () => request.socket.resetAndDestroy());
  });
  const { larder, said } = larderAt(server.url, t);
  async function* body() {
    for (let i = 0; i < 1000; i += 1) yield Buffer.alloc(1 << 16);
  }
  await assert.rejects(larder.keep('k', {}, body()), /EPIPE|ECONNRESET/);
  assert.ok(await isAsked(larder));
  assert.deepEqual(said, []);
});

test('what Larder does not take is not asked for for ever', async (t) => {
  const server = await stub((request, response, body) => response.writeHead(body.includes('bad') ? 400 : 200).end('{"title":"No"}'));
  t.after(server.close);
  const { larder } = larderAt(server.url, t);
  t.mock.method(console, 'error', () => {});
  await larder.purge(['bad'], false);
  await larder.purge(['good'], false);
  assert.deepEqual(server.asked.at(-1), 'POST /v1/purge {"tags":["good"],"soft":false}');
  assert.equal(console.error.mock.callCount(), 1);
});

test('with several sites it is said which, and long lists are told in pieces', async (t) => {
  const server = await stub(none);
  t.after(server.close);
  process.env.LARDER_SITE_HOST = '*.a.b';
  const { larder } = larderAt(server.url, t);
  delete process.env.LARDER_SITE_HOST;
  await larder.look('k/\u{e4}');
  const tags = (count) => Array.from({ length: count }, (_, index) => `t${index}`);
  await larder.purge(tags(1001), false);
  await larder.purge(tags(5000), true);
  const [looked, ...purges] = server.asked;
  assert.equal(looked, 'GET /v1/entries/k%2F%C3%A4?site=*.a.b');
  const told = purges.map((line) => JSON.parse(line.slice('POST /v1/purge '.length)));
  assert.deepEqual(told.map(({ tags, sites, soft }) => [tags?.length, ...sites, soft]), [
    [1000, '*.a.b', false],
    [1, '*.a.b', false],
    [undefined, '*.a.b', true],
  ]);
});

test('one tag that is refused keeps no other from being purged, nor do many that are too long together', async (t) => {
  const purged = [];
  const server = await stub((request, response, body) => {
    const tags = request.method === 'POST' ? JSON.parse(body).tags : [];
    const status = tags.includes('bad') ? 400 : tags.length > 3 ? 413 : 200;
    if (status === 200) purged.push(...tags);
    response.writeHead(status).end('{"title":"No"}');
  });
  t.after(server.close);
  const { larder } = larderAt(server.url, t);
  const errors = [];
  t.mock.method(console, 'error', (line) => errors.push(line));
  await larder.purge(['a', 'b', 'bad', 'c', 'd', 'e', 'f'], false);
  assert.deepEqual(purged, ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(errors.length, 1);
  assert.match(errors[0], /bad was not purged/);
});
