// Nothing here knows of a cache in front of the site, but where the environment names @larder/next.
// The build is the same with and without.

/** @type {import('next').NextConfig} */
const config = {
  // `use cache` beside `revalidate`, which `cacheComponents` would forbid.
  experimental: { useCache: true },
  poweredByHeader: false,
  // This folder is the root, whatever lock files lie above it.
  turbopack: { root: import.meta.dirname },
};

const { LARDER_NEXT } = process.env;
const { withLarder } = LARDER_NEXT ? await import(LARDER_NEXT) : { withLarder: (config) => config };

export default withLarder(config);
