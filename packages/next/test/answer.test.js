// What answers bear, and when they end, by themselves.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { holdUntil, Segments } from '../src/answer.js';

async function serve(t, answer) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${server.address().port}`;
}

const later = () => new Promise((resolve) => setTimeout(resolve, 5));

test('who asks for a part of a page has the tags of the page, and nobody else', async (t) => {
  const headers = { 'cache-tag': 'a', 'x-next-cache-tags': 'a' };
  // One map answers many requests at once.
  const segments = new Segments([['/_tree', 'tree']], headers);
  const url = await serve(t, async (request, response) => {
    await later();
    response.end(request.url === '/other' ? 'other' : segments.get(request.url));
  });
  const ask = async (path) => {
    const response = await fetch(url + path);
    return [await response.text(), response.headers.get('cache-tag'), response.headers.get('larder-cache-control')];
  };
  const paths = ['/_tree', '/other', '/_tree', '/none', '/other'];
  const expected = { '/_tree': ['tree', 'a', null], '/none': ['', 'a', null], '/other': ['other', null, null] };
  assert.deepEqual(await Promise.all(paths.map(ask)), paths.map((path) => expected[path]));
  headers['larder-cache-control'] = 'no-store';
  assert.deepEqual(await ask('/_tree'), ['tree', 'a', 'no-store']);
  assert.equal(segments.get('/_tree'), 'tree', 'also where nothing is answered');
});

test('an answer ends when what it revalidated is done', async (t) => {
  let release;
  const done = new Promise((resolve) => (release = resolve));
  const url = await serve(t, async (request, response) => {
    await later();
    if (request.url === '/revalidates') holdUntil(done);
    response.write('begun, ');
    response.end('done');
  });
  let isOver = false;
  const held = fetch(`${url}/revalidates`).then((response) => response.text()).finally(() => (isOver = true));
  assert.equal(await (await fetch(`${url}/other`)).text(), 'begun, done');
  assert.equal(isOver, false);
  release();
  assert.equal(await held, 'begun, done');
  holdUntil(done);
});
