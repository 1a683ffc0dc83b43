// What Larder in front of Next may keep of a page that could not be kept by its handler: a request that
// came after a purge may have been given what began to be made before.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Memory } from '../src/memory.js';
import { stub, until } from './stub.js';

const PAGE = { kind: 'APP_PAGE', isFallback: false };
const LIFE = { revalidate: 60, expire: 3600 };

let purges = 0;

/** Answers as Larder does: how far its log has come, which one who may nothing is not told. */
function answering(put, { get = 404, isPurged = false, putIsTold = true } = {}) {
  return (request, response) => {
    const isPut = request.method === 'PUT';
    if (isPut && isPurged) purges += 1;
    response.setHeader('Larder-Head', `log.${purges}`);
    const status = isPut ? put : get;
    if (status === 401 || (isPut && !putIsTold)) response.removeHeader('Larder-Head');
    if (!status) return response.destroy();
    return response.writeHead(status).end(status === 204 ? undefined : '{}');
  };
}

let answer = answering(204);
const larder = await stub((...all) => answer(...all));
Object.assign(process.env, { LARDER_ADMIN: larder.url, LARDER_TOKEN: 'a-token', LARDER_TIMEOUT_MS: '1000' });
const { default: Isr } = await import('../src/isr.js');

/** What the answer that is made of a page tells Larder about keeping it: where it was born, if it is in doubt. */
async function told(key) {
  const handler = new Isr({});
  const value = { kind: 'APP_PAGE', html: 'x', headers: { 'x-next-cache-tags': 'a' }, status: 200 };
  assert.equal(await handler.get(key, PAGE), null);
  await handler.set(key, value, { ...PAGE, cacheControl: LIFE });
  return value.headers['larder-born'] ?? value.headers['larder-cache-control'];
}

test('what may be outdated says where it was born, and is kept by nobody where that is not known', async (t) => {
  t.after(larder.close);
  t.mock.method(console, 'warn', () => {});
  answer = answering(undefined, { get: 0 });
  for (let i = 0; i < 3; i += 1) assert.equal(await told('never seen'), 'no-store');
  const [isPurged, itsBirth] = [true, true];
  const forbidden = { putIsTold: false };
  const cases = [
    ['kept', answering(204, { isPurged }), undefined],
    ['outdated', answering(409), itsBirth],
    ['too long', answering(413), undefined],
    ['too long, and something was purged', answering(413, { isPurged }), itsBirth],
    ['no room', answering(503), undefined],
    ['no room, and something was purged', answering(503, { isPurged }), itsBirth],
    ['no site named', answering(400, { get: 400 }), undefined],
    ['may not put', answering(403, forbidden), undefined],
    ['may not put, and something was purged', answering(403, { ...forbidden, isPurged }), itsBirth],
    ['broken off', answering(undefined), itsBirth],
    ['away', answering(undefined, { get: 0 }), itsBirth],
  ];
  for (const [name, does, expected] of cases) {
    answer = answering(204);
    await until('it is back', async () => (await told('k')) === undefined);
    answer = does;
    const birth = `log.${purges}`;
    assert.equal(await told(name), expected && birth, name);
  }
  // A token that is none: the site would never be kept.
  answer = answering(401, { get: 401 });
  await until('it is refused', async () => (await told('k')) === undefined);
  for (let i = 0; i < 3; i += 1) assert.equal(await told('refused'), undefined);
});

test('what a build makes is not marked', async () => {
  assert.equal(await new Memory().put('k', { about: {}, body: [Buffer.from('x')] }), undefined);
});
