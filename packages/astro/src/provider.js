// Astro's route caching by headers that Larder reads, and its invalidation by purges.

import {
  buildCacheControlDirectives,
  collectInvalidationTags,
  pathTag,
  setConditionalHeaders,
} from 'astro/cache/provider-utils';
import { connection, post } from './admin.js';

/** A tag without what no header holds in one: commas part tags there. Larder's webhooks write them so too. */
function named(tag) {
  return tag.trim().replace(/[\p{Cc},]/gu, encodeURIComponent);
}

/** A path as requests have it, whose tag pages bear: `/caf%C3%A9`, where people write `/café`. */
function asRequested(path) {
  return new URL(path, 'http://site').pathname;
}

/** Text as a header holds it: UTF-8, byte by byte. */
function bytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

export default function provider({ url, site, soft = false, timeoutMs } = {}) {
  return {
    name: 'larder',

    setHeaders(options, request) {
      const headers = new Headers();
      const directives = buildCacheControlDirectives(options);
      // For Larder alone: no other cache on the way could be purged.
      if (directives) headers.set('Larder-Cache-Control', directives);
      const tags = [...(options.tags ?? []), pathTag(new URL(request.url).pathname)];
      headers.set('Cache-Tag', bytes(tags.map(named).join(', ')));
      setConditionalHeaders(headers, options);
      return headers;
    },

    async invalidate({ path, tags: some = [] }) {
      const tags = collectInvalidationTags({ path: path && asRequested(path), tags: [some].flat() }).map(named);
      if (tags.length === 0) return;
      await post(connection({ url, timeoutMs }), '/v1/purge', { tags, soft, ...(site && { sites: [site] }) });
    },
  };
}
