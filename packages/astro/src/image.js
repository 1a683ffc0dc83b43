// Astro's image service by URLs of Larder, which makes the pictures: in the format that a browser takes
// best, where a component names none.

import { baseService } from 'astro/assets';
import { target } from './picture.js';

/** What Astro's words for qualities mean to its usual service. */
const QUALITIES = { low: 25, mid: 50, high: 80, max: 100 };
/** What it does with a picture that fills its box in each of CSS's ways. */
const FITS = { cover: 'cover', fill: 'fill', none: 'outside', outside: 'outside' };
/** Sides and corners, as Larder knows them too. */
const POSITION = /^(?:center|centre|top|bottom|left|right|(?:left|right) (?:top|bottom)|(?:top|bottom) (?:left|right))$/;

export default {
  validateOptions(options) {
    const { format } = options;
    const valid = baseService.validateOptions(options);
    // Not set: who asks decides.
    if (!format) delete valid.format;
    return valid;
  },

  getURL(options, config) {
    const src = typeof options.src === 'string' ? options.src : options.src.src;
    const { width, height, quality, format, fit, position, background } = options;
    // While one develops there is no Larder in front; and what is drawn by lines needs no pixels.
    if (import.meta.env?.DEV || format === 'svg' || options.src.format === 'svg' || !isOurs(src, config)) return src;
    return target(src, {
      w: width,
      h: height,
      fit: FITS[fit],
      g: POSITION.test(position ?? '') ? position : undefined,
      q: QUALITIES[quality] ?? quality,
      f: format,
      bg: /^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(background ?? '') ? background.replace('#', '') : undefined,
    });
  },

  getSrcSet: baseService.getSrcSet,
  getHTMLAttributes: baseService.getHTMLAttributes,
  getRemoteSize: baseService.getRemoteSize,
};

/** Whether Larder makes pictures of it: of what the site has, and of the sources that are named. */
function isOurs(src, config) {
  const sources = config.service?.config?.sources ?? [];
  return (src.startsWith('/') && !src.startsWith('//')) || sources.some((source) => src.startsWith(source));
}
