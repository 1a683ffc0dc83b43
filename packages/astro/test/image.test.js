// The image service by itself; Astro writes the attributes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { larderImages } from '@larder/astro';
import service from '@larder/astro/image';

const config = { service: larderImages({ sources: ['https://cdn.a.b/photos/'] }) };
const imported = { src: '/_astro/jars.hash.jpg', width: 1600, height: 900, format: 'jpg' };

test('pictures are asked for by URLs of Larder', () => {
  for (const [options, url] of [
    [{ src: imported, width: 640 }, '/_larder/image/w=640/_astro/jars.hash.jpg'],
    [{ src: imported, width: 640, height: 480, fit: 'cover', position: 'left top' }, '/_larder/image/w=640,h=480,fit=cover,g=left%20top/_astro/jars.hash.jpg'],
    [{ src: imported, width: 640, fit: 'contain', position: '50% 50%' }, '/_larder/image/w=640/_astro/jars.hash.jpg'],
    [{ src: imported, quality: 'high', format: 'avif' }, '/_larder/image/q=80,f=avif/_astro/jars.hash.jpg'],
    [{ src: '/p.png', width: 1, height: 1, background: '#c0ffee' }, '/_larder/image/w=1,h=1,bg=c0ffee/p.png'],
    [{ src: 'https://cdn.a.b/photos/a.jpg?v=1', width: 9 }, '/_larder/image/w=9/https%3A%2F%2Fcdn.a.b%2Fphotos%2Fa.jpg%3Fv%3D1'],
    [{ src: 'https://cdn.a.b/other/a.jpg', width: 9 }, 'https://cdn.a.b/other/a.jpg'],
    [{ src: '//a.b/c.jpg', width: 9 }, '//a.b/c.jpg'],
    [{ src: { ...imported, src: '/_astro/logo.svg', format: 'svg' } }, '/_astro/logo.svg'],
  ]) {
    assert.equal(service.getURL(options, config), url);
  }
});

test('who asks decides on the format, where no component does', () => {
  assert.equal(service.validateOptions({ src: { ...imported } }).format, undefined);
  assert.equal(service.validateOptions({ src: { ...imported }, format: 'png' }).format, 'png');
  const set = service.getSrcSet({ src: imported, width: 800, height: 450, widths: [400, 800] });
  assert.deepEqual(set.map(({ descriptor, transform }) => [descriptor, transform.width]), [['400w', 400], ['800w', 800]]);
  const attributes = service.getHTMLAttributes({ src: imported, width: 800, alt: 'Jars' });
  assert.deepEqual([attributes.width, attributes.height, attributes.alt], [800, 450, 'Jars']);
});
