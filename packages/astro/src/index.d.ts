import type { AstroIntegration, CacheProviderConfig } from 'astro';

/** What is said at build time. The token is none of it: the server reads `LARDER_TOKEN` when it runs. */
export interface Options {
  /** Larder's admin listener; where it is not given, `LARDER_ADMIN` when the server runs, or else `http://127.0.0.1:9090`. */
  url?: string;
  /** The site whose tags are purged, by one of its hosts. Not given: tags of all sites of that Larder. */
  site?: string;
  /** Let what is invalidated be stale rather than gone: visitors get the old page while one request makes the new one. */
  soft?: boolean;
  /** The longest wait for an answer to `invalidate`, in milliseconds: 10,000. */
  timeoutMs?: number;
}

/** How pictures are asked for. */
export interface Images {
  /** URLs below which Larder makes pictures too, as its `[site.images] sources` lists them. */
  sources?: string[];
}

/** The image service alone, for `image: { service: larderImages() }`. */
export function larderImages(options?: Images): { entrypoint: string; config: Images };

/** The provider alone, for `cache: { provider: larderCache() }`. */
export function larderCache(options?: Options): CacheProviderConfig;

/** The integration: sets Larder as the provider of Astro's route caching and, with `images`, as its image service. */
export default function larder(options?: Options & { images?: boolean | Images }): AstroIntegration;
