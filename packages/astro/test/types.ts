// Uses what the types say; only compiled.

import larder, { larderCache, larderImages } from '@larder/astro';
import service from '@larder/astro/image';
import provider from '@larder/astro/provider';
import { defineConfig } from 'astro/config';
import { placeholder } from '@larder/astro/placeholder';

export default defineConfig({ integrations: [larder({ site: 'a.b', soft: true })] });
export const other = defineConfig({ cache: { provider: larderCache() } });
export const headers = provider({ url: 'http://127.0.0.1:9090' }).setHeaders?.({ maxAge: 1 }, new Request('http://a.b/'));
export const pictures = defineConfig({ image: { service: larderImages({ sources: ['https://cdn.a.b/'] }) } });
export const both = defineConfig({ integrations: [larder({ images: true })] });
export const url = service.getURL;
// @ts-expect-error: a token would be written into the build
larder({ token: 'x' });
export const blur: string | undefined = await placeholder('/a.jpg', { site: 'https://a.b' });
export const colours: string[] = (await placeholder('/a.jpg', { kind: 'palette' })) ?? [];
export const width: number | undefined = (await placeholder('/a.jpg', { kind: 'info' }))?.width;
// @ts-expect-error: no such kind
await placeholder('/a.jpg', { kind: 'blur' });
