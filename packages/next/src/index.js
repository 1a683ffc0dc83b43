// What next.config needs: both handlers, by their paths.

import { fileURLToPath } from 'node:url';
import './answer.js';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Gives a configuration in which Next keeps nothing by itself, but all through Larder. */
export function withLarder(config = {}) {
  if (typeof config === 'function') return async (...phase) => withLarder(await config(...phase));
  // While it is written, a site is best kept where Next keeps it.
  if (process.env.NODE_ENV === 'development') return config;
  const useCache = path('use-cache.js');
  return {
    ...config,
    cacheHandler: path('isr.js'),
    cacheHandlers: { ...config.cacheHandlers, default: useCache, remote: useCache },
    // What an instance kept in its own memory, no purge of another would reach.
    cacheMaxMemorySize: 0,
  };
}
