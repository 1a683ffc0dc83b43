import type { ExternalImageService } from 'astro';

/** Astro's image service by URLs of Larder. */
declare const service: ExternalImageService;
export default service;
