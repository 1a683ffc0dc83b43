// What the handlers keep: in Larder, or while a site is built in memory. Nothing here ever throws; what
// cannot be had is not there.

import { createHash } from 'node:crypto';
import { holdUntil } from './answer.js';
import { Expiry } from './expiry.js';
import { Larder } from './larder.js';
import { now } from './heads.js';
import { whole } from './http.js';
import { Making } from './making.js';
import { Memory } from './memory.js';
import { header, purged, TooManyTags } from './tags.js';
import { decodeHead, encodeHead } from './value.js';

export const YEAR_S = 31_536_000;
/** Keys as they are where they are shorter; Larder takes 1024 bytes. */
const MAX_KEY = 512;
/** What is shown of a key. */
const MAX_SHOWN = 100;
/** Longer bodies are sent as they come, shorter ones when they are whole, so that they can be sent again. */
const MAX_WHOLE = 1 << 20;
/** Longer values are not given: React has each in memory while a page is made of it. */
const MAX_GIVEN = 128 << 20;

class Entries {
  making = new Making();
  #larder = new Larder();
  #expiry = new Expiry((tags) => this.#larder.purge(tags, false));

  /**
   * Looks for what was kept: gives what is told about it, its body, and whether it is stale. It is
   * there whole: what broke off later would fail the request, and Next leaves some unread, which would
   * hold a connection.
   */
  async get(key, tags) {
    try {
      const found = await this.#larder.look(name(key), header(tags));
      if (!found) return undefined;
      const isStale = /ttl=-/.test(found.headers['cache-status']);
      const { about, rest: body } = decodeHead(await whole(found.body, MAX_GIVEN));
      return { about, body, isStale };
    } catch {
      return undefined;
    }
  }

  /**
   * Keeps a body that began to be made at a time. Says whether what is made of it may be outdated: what
   * is kept is not, nor is what Larder does not keep if nothing was purged meanwhile; and where it was
   * born, if that is known.
   */
  async put(key, { about, body, tags, freshS, staleS, since }) {
    const born = this.#larder.heads.at(this.making.since(since, tags));
    try {
      // Of a value from before Larder was known nobody can tell what it is still worth.
      if (!born) return await this.#unknown(body);
      const named = header(tags);
      const headers = {
        'cache-control': `max-age=${seconds(freshS)}, stale-while-revalidate=${seconds(staleS)}`,
        'larder-born': born,
        ...(named && { 'cache-tag': named }),
      };
      return { ...(await this.#larder.keep(name(key), headers, await withHead(encodeHead(about), body))), born };
    } catch (error) {
      // It is made again when it is asked for.
      if (error instanceof TooManyTags) this.#larder.say(`${key.slice(0, MAX_SHOWN)} is not kept: ${error.message}`, 'too many tags');
      return { ...(await this.#unknown(body)), born };
    }
  }

  /**
   * What was purged is not known, so it may be outdated. But not where Larder refuses to say: no page of
   * the site could ever be kept then, for purges that are not told to it either.
   */
  async #unknown(body) {
    await given(body);
    return { mayBeOutdated: !this.#larder.isRefusing };
  }

  /** Purges tags, and all that bears them: softly where the old may be served for some time. */
  purge(tags, durations) {
    const isSoft = Boolean(durations) && durations.expire !== 0;
    const names = purged(tags);
    // Nothing lives longer than a year.
    if (!isSoft || durations.expire >= YEAR_S) this.#expiry.note(names, Infinity);
    else if (durations.expire > 0) this.#expiry.note(names, durations.expire);
    const done = this.#larder.purge(names, isSoft);
    holdUntil(done);
    return done;
  }
}

/** A number as `Cache-Control` takes it. */
const seconds = (number) => Math.min(Math.max(Math.floor(number) || 0, 0), YEAR_S);

function name(key) {
  return Buffer.byteLength(key) > MAX_KEY || /\p{Cc}/u.test(key)
    ? `${key.slice(0, 64).replace(/\P{L}/gu, '-')}/${createHash('sha256').update(key).digest('hex')}`
    : key;
}

async function* rest(first, pieces) {
  if (first.length > 0) yield first;
  yield* { [Symbol.asyncIterator]: () => pieces };
}

/** A body behind what is told about it: whole where it is short, so that it can be sent again. */
async function withHead(head, body) {
  if (Array.isArray(body)) return [head, ...body];
  const pieces = [head];
  let bytes = 0;
  const more = body[Symbol.asyncIterator]();
  while (bytes <= MAX_WHOLE) {
    const { value, done } = await more.next();
    if (done) return pieces;
    bytes += value.length;
    pieces.push(value);
  }
  return rest(Buffer.concat(pieces), more);
}

/** Lets go of a body that nobody reads. */
async function given(body) {
  if (!Array.isArray(body) && !body.locked) await body.cancel?.().catch(() => {});
}

export const isBuilding = process.env.NEXT_PHASE === 'phase-production-build';

/** One for all handlers, however often they are loaded. */
export const entries = (globalThis[Symbol.for('@larder/next/entries')] ??= isBuilding ? new Memory() : new Entries());
export { now };
