// The integration: it sets the provider of Astro's route caching.

export function larderCache({ url, site, soft, timeoutMs } = {}) {
  // It is written into the build, so no token is among it.
  return { name: 'larder', entrypoint: '@larder/astro/provider', config: { url, site, soft, timeoutMs } };
}

export default function larder(options) {
  return {
    name: '@larder/astro',
    hooks: {
      'astro:config:setup': ({ updateConfig }) => {
        updateConfig({ cache: { provider: larderCache(options) } });
      },
    },
  };
}
