// What Next keeps of pages, route handlers, fetched data and pictures: `cacheHandler` of next.config.

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Segments } from './answer.js';
import { entries, now, YEAR_S } from './entries.js';
import { header, ofPage, TooManyTags } from './tags.js';
import { decode, encode } from './value.js';

/** Pictures that are being made at once. */
const MAX_BEGUN = 1000;
const builds = new Map();

export default class LarderCacheHandler {
  #build;
  // There is one handler for each request. What is made for that began when the first value had been
  // looked for: React gives what was fetched once to all who fetch it for the same request. There is one
  // for all pictures, and each began when it was missed.
  #since = now();
  #hasAsked = false;
  #begun = new Map();

  constructor({ serverDistDir } = {}) {
    this.#build = buildOf(serverDistDir);
  }

  async get(key, context) {
    const isFetch = context.kind === 'FETCH';
    const found = await entries.get(this.#key(key, context), isFetch ? [...(context.tags ?? []), ...(context.softTags ?? [])] : []);
    this.#begin(key, context);
    if (!found) return null;
    try {
      return given(found, decode(found.body), context);
    } catch {
      return null;
    }
  }

  async set(key, value, context) {
    const tags = value?.kind === 'FETCH' ? (context.tags ?? value.tags ?? []) : ofPage(value?.headers);
    bearTags(value, tags);
    const since = this.#begun.get(key) ?? this.#since;
    this.#begun.delete(key);
    const [freshS, staleS] = lifetime(value, context);
    // It is made for one answer, and never asked for here.
    if (freshS === 0) return;
    const about = { lastModified: Date.now(), cacheControl: context.cacheControl };
    const kept = await entries.put(this.#key(key, context), { about, body: encode(value), tags, freshS, staleS, since });
    // It is still the answer, also to those who came after what outdated it, and waited for it.
    if (kept?.mayBeOutdated && value?.headers) bearDoubt(value.headers, kept.born);
  }

  async revalidateTag(tags, durations) {
    await entries.purge([tags].flat(), durations);
  }

  resetRequestCache() {}

  #key(key, context) {
    const kind = context.kind === 'FETCH' || context.fetchCache ? 'fetch' : context.kind === 'IMAGE' ? 'image' : 'page';
    return `next/${this.#build}/${kind}/${key}`;
  }

  #begin(key, { kind }) {
    if (!this.#hasAsked) this.#since = now();
    this.#hasAsked = true;
    if (kind !== 'IMAGE') return;
    // Whoever missed it first began first.
    if (!this.#begun.has(key)) this.#begun.set(key, now());
    if (this.#begun.size > MAX_BEGUN) this.#begun.delete(this.#begun.keys().next().value);
  }
}

/** The id of a build, by the folder of what it made for the server. */
function buildOf(folder) {
  if (!builds.has(folder)) {
    // Where it cannot be told which build it is, nothing is shared with what may be another.
    let id = `no-build-${randomUUID()}`;
    try {
      id = readFileSync(join(folder, '..', 'BUILD_ID'), 'utf8').trim();
    } catch {
      // There is none while a site is built, nor while it is written.
    }
    builds.set(folder, id);
  }
  return builds.get(folder);
}

/** A value as Next takes it. It tells by age alone what is stale, so that is what it is told. */
function given({ about: { lastModified, cacheControl }, isStale }, value, { revalidate }) {
  bearTags(value, ofPage(value?.headers));
  if (!isStale) return { value, lastModified, cacheControl };
  const old = (seconds) => Math.min(lastModified, Date.now() - seconds * 1000 - 1000);
  if (value?.kind === 'FETCH') return { value, lastModified: old(revalidate || value.revalidate) };
  if (value?.kind === 'IMAGE') return { value, lastModified: old(value.revalidate) };
  // The answer says so to other caches too: not that it is fresh for the lifetime of what is to come.
  return { value, lastModified: old(1), cacheControl: { ...cacheControl, revalidate: 1 } };
}

/** Has the answers that Next makes of a page or of a route handler bear its tags. */
function bearTags(value, named) {
  if (named.length === 0 || (value?.kind !== 'APP_PAGE' && value?.kind !== 'APP_ROUTE')) return;
  try {
    const tags = header(named);
    // A route handler may have named some itself.
    const own = value.headers['cache-tag'];
    value.headers['cache-tag'] = own ? [...new Set(`${own}, ${tags}`.split(/, ?/))].join(', ') : tags;
  } catch (error) {
    if (!(error instanceof TooManyTags)) throw error;
    // An answer with so long a head would be none at all, and without its tags no purge would reach it.
    value.headers['larder-cache-control'] = 'no-store';
  }
  if (value.segmentData) value.segmentData = new Segments(value.segmentData, value.headers);
}

/** Has the answers to a page say where it was born, so that Larder knows which purges came since. */
function bearDoubt(headers, born) {
  if (born) headers['larder-born'] = born;
  else headers['larder-cache-control'] = 'no-store';
}

/** For how many seconds a value is fresh, and may be stale after that. */
function lifetime(value, { cacheControl, fetchCache }) {
  const { revalidate, expire } = fetchCache ? { revalidate: value?.revalidate } : (cacheControl ?? {});
  if (typeof revalidate !== 'number') return [YEAR_S, YEAR_S];
  return [revalidate, expire === undefined ? YEAR_S : expire - revalidate];
}
