// Astro's route caching for a cache in front of the site: headers instead of a store.
// `CDN-Cache-Control` (RFC 9213) is for shared caches only, so browsers keep asking.
import type { CacheProvider } from 'astro';
import { buildCacheControlDirectives, pathTag, setConditionalHeaders } from 'astro/cache/provider-utils';

export default function provider(): CacheProvider {
  return {
    name: 'cdn',
    setHeaders(options, request) {
      const headers = new Headers();
      const directives = buildCacheControlDirectives(options);
      if (directives) headers.set('CDN-Cache-Control', directives);
      const tags = [...(options.tags ?? []), pathTag(new URL(request.url).pathname)];
      headers.set('Cache-Tag', tags.join(', '));
      setConditionalHeaders(headers, options);
      return headers;
    },
    async invalidate() {
      throw new Error('this site never purges: its pages expire');
    },
  };
}
