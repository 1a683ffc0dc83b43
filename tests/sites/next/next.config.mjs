// Nothing here knows of a cache in front of the site. Where several instances are to share what they
// keep, the environment names modules at the start: CACHE_HANDLER for pages and fetched data,
// CACHE_HANDLERS for what `use cache` keeps. The build is the same with and without.

/** @type {import('next').NextConfig} */
const config = {
  // `use cache` beside `revalidate`, which `cacheComponents` would forbid.
  experimental: { useCache: true },
  poweredByHeader: false,
  // This folder is the root, whatever lock files lie above it.
  turbopack: { root: import.meta.dirname },
};

const { CACHE_HANDLER, CACHE_HANDLERS } = process.env;
if (CACHE_HANDLER) {
  // Nothing is kept in the process besides.
  config.cacheHandler = CACHE_HANDLER;
  config.cacheMaxMemorySize = 0;
}
if (CACHE_HANDLERS) {
  config.cacheHandlers = { default: CACHE_HANDLERS, remote: CACHE_HANDLERS };
}

export default config;
