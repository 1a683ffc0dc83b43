/** What Next says of its build and of the request. */
export interface HandlerContext {
  serverDistDir?: string;
}

/** How long what is revalidated may still be served as stale, in seconds; none at all without it. */
export interface Durations {
  expire?: number;
}

/**
 * Next's `cacheHandler`: pages, route handlers, fetched data and pictures. Next makes one for each
 * request. No call rejects.
 */
export default class LarderCacheHandler {
  constructor(context?: HandlerContext);
  get(key: string, context: { kind: string; [more: string]: unknown }): Promise<{
    value: unknown;
    lastModified?: number;
    cacheControl?: { revalidate: number | false; expire?: number };
  } | null>;
  set(key: string, value: unknown, context: { [more: string]: unknown }): Promise<void>;
  /** Resolves when the purge is in force and durable in Larder, or Larder is away. */
  revalidateTag(tags: string | string[], durations?: Durations): Promise<void>;
  resetRequestCache(): void;
}
