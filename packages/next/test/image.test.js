// The loader by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import larderLoader from '@larder/next/image';

test('pictures are asked for by URLs of Larder', () => {
  for (const [image, url] of [
    [{ src: '/jars.jpg', width: 640 }, '/_larder/image/w=640,q=75/jars.jpg'],
    [{ src: '/_next/static/media/jars.hash.jpg', width: 828, quality: 50 }, '/_larder/image/w=828,q=50/_next/static/media/jars.hash.jpg'],
    [{ src: 'https://cdn.a.b/a.jpg?v=1', width: 64 }, '/_larder/image/w=64,q=75/https%3A%2F%2Fcdn.a.b%2Fa.jpg%3Fv%3D1'],
  ]) {
    assert.equal(larderLoader(image), url);
  }
});
