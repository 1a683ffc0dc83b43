import type { CacheProviderFactory } from 'astro';
import type { Options } from './index.js';

/** The provider; Astro imports it by the name `@larder/astro/provider`. */
declare const provider: CacheProviderFactory<Options>;
export default provider;
