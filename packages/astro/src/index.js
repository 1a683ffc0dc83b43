// The integration: it sets the provider of Astro's route caching.

export function larderCache({ url, site, soft, timeoutMs } = {}) {
  // It is written into the build, so no token is among it.
  return { name: 'larder', entrypoint: '@larder/astro/provider', config: { url, site, soft, timeoutMs } };
}

/** The image service alone, for `image: { service: larderImages() }`. `sources`: URLs below which Larder makes pictures too. */
export function larderImages({ sources } = {}) {
  return { entrypoint: '@larder/astro/image', config: { sources } };
}

export default function larder({ images, ...options } = {}) {
  return {
    name: '@larder/astro',
    hooks: {
      'astro:config:setup': ({ updateConfig }) => {
        updateConfig({ cache: { provider: larderCache(options) } });
        if (images) updateConfig({ image: { service: larderImages(images === true ? {} : images) } });
      },
    },
  };
}
