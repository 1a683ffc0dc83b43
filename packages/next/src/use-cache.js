// What `use cache` keeps: `cacheHandlers.default` and `.remote` of next.config. Next has the build in
// its keys, or where it can tell, the code that made the value.

import { createHash } from 'node:crypto';
import { entries, now } from './entries.js';

/** Values on their way, by their keys: who asks for one waits for it. */
const onTheirWay = new Map();

export default {
  async get(cacheKey, softTags) {
    await onTheirWay.get(cacheKey);
    const found = await entries.get(named(cacheKey), softTags ?? []);
    if (!found || found.isStale) entries.making.begin(cacheKey, now());
    if (!found) return undefined;
    const { about, body, isStale } = found;
    // Before its time is over, Next takes a value for stale only by a time that was over always.
    return { ...about, revalidate: isStale ? -1 : about.revalidate, value: stream(body) };
  },

  async set(cacheKey, pendingEntry) {
    const kept = keep(cacheKey, pendingEntry);
    onTheirWay.set(cacheKey, kept);
    await kept;
    if (onTheirWay.get(cacheKey) === kept) onTheirWay.delete(cacheKey);
  },

  async refreshTags() {
    // Nothing is known here that Larder would not be asked for.
  },

  async getExpiration() {
    // Tags of the page are told to Larder with each look-up.
    return Infinity;
  },

  async updateTags(tags, durations) {
    await entries.purge(tags, durations);
  },
};

async function keep(cacheKey, pendingEntry) {
  try {
    const { value, tags, stale, timestamp, expire, revalidate } = await pendingEntry;
    entries.making.end(cacheKey, tags, now());
    // Never to be given again.
    if (expire === 0) return await value.cancel();
    await entries.put(named(cacheKey), {
      about: { tags, stale, timestamp, expire, revalidate },
      body: value,
      tags,
      freshS: revalidate,
      staleS: expire - revalidate,
      since: timestamp,
    });
  } catch {
    // What could not be made is not kept.
    entries.making.giveUp(cacheKey);
  }
}

/** Keys hold all arguments of a function. */
function named(cacheKey) {
  return `next/use-cache/${createHash('sha256').update(cacheKey).digest('hex')}`;
}

/** A body, as Next reads it. */
function stream(body) {
  return new ReadableStream({
    start(controller) {
      if (body.length > 0) controller.enqueue(new Uint8Array(body.buffer, body.byteOffset, body.length));
      controller.close();
    },
  });
}
