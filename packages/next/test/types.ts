// Uses what the types say; only compiled.

import { withLarder } from '@larder/next';
import LarderCacheHandler from '@larder/next/isr';
import useCache, { type Entry } from '@larder/next/use-cache';
import { placeholder } from '@larder/next/placeholder';

export default withLarder({ poweredByHeader: false }).poweredByHeader satisfies boolean;
export const later: (phase: string) => Promise<{ basePath: string }> = withLarder((phase: string) => ({ basePath: phase }));
export const page = await new LarderCacheHandler({ serverDistDir: '.next/server' }).get('/', { kind: 'APP_PAGE' });
export const times: number[] = [page?.lastModified ?? 0, page?.cacheControl?.expire ?? 0];
export const entry: Entry | undefined = await useCache.get('key', ['_N_T_/']);
await useCache.updateTags(['a'], { expire: 0 });
// @ts-expect-error: where Larder is, is told by the environment
withLarder({}, { url: 'http://127.0.0.1:9090' });
export const blur: string | undefined = await placeholder('/a.jpg', { site: 'https://a.b' });
export const colours: string[] = (await placeholder('/a.jpg', { kind: 'palette' })) ?? [];
export const width: number | undefined = (await placeholder('/a.jpg', { kind: 'info' }))?.width;
// @ts-expect-error: no such kind
await placeholder('/a.jpg', { kind: 'blur' });
