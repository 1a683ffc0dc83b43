/** A value of `use cache`, as Next gives and takes it. Times are in seconds, `timestamp` in milliseconds. */
export interface Entry {
  value: ReadableStream<Uint8Array>;
  tags: string[];
  stale: number;
  timestamp: number;
  expire: number;
  revalidate: number;
}

/** Next's `cacheHandlers.default` and `.remote`. No call rejects. */
declare const handler: {
  get(cacheKey: string, softTags: string[]): Promise<Entry | undefined>;
  set(cacheKey: string, pendingEntry: Promise<Entry>): Promise<void>;
  refreshTags(): Promise<void>;
  getExpiration(tags: string[]): Promise<number>;
  /** Resolves when the purge is in force and durable in Larder, or Larder is away. */
  updateTags(tags: string[], durations?: { expire?: number }): Promise<void>;
};
export default handler;
