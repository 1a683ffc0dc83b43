// A site rendered at each request, unless a cache in front of it answers.
import node from '@astrojs/node';
import larder from '@larder/astro';
import { defineConfig } from 'astro/config';

export default defineConfig({
  output: 'server',
  adapter: node({ mode: 'standalone' }),

  // Pages say how long Larder may keep them, and have it forget them.
  integrations: [larder()],
  routeRules: {
    '/': { maxAge: 60, swr: 600, tags: ['home'] },
    '/greeting': { maxAge: 60, swr: 600 },
  },

  session: {
    driver: { entrypoint: new URL('./src/sessions.ts', import.meta.url) },
    // This site is also shown over plain HTTP.
    cookie: { secure: false },
  },

  // Without this Astro does not believe `X-Forwarded-Proto`, and forms behind TLS are answered 403.
  security: { allowedDomains: [{ hostname: 'localhost' }, { hostname: '127.0.0.1' }] },

  // Styles and scripts as files of their own, so that there is something to cache.
  build: { inlineStylesheets: 'never' },
  vite: { build: { assetsInlineLimit: 0 } },
});
