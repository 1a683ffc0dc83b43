// Larder, as all handlers of a process know it: it may be away, and then is left alone for a while.

import { connection, LarderError } from './admin.js';
import { Heads } from './heads.js';
import { exchange, whole } from './http.js';

/** The longest wait for anything that a request waits for. */
const TIMEOUT_MS = 1000;
/** The longest wait for a purge to be durable, where Larder is not known to be away. */
const PURGE_TIMEOUT_MS = 5000;
/** How long it is left alone after it gave no answer: each time twice as long, up to the second. */
const PAUSES_MS = [250, 4000];
/** What is asked for to find out whether it is back. */
const NO_KEY = 'next/-';
/** Tags whose purges are waiting for Larder to come back; beyond, all of the site is purged then. */
const MAX_WAITING = 4096;
/** What is said of requests that Larder does not take; further kinds are not. */
const MAX_SAID = 16;
/** Answers that are about one request: it makes no sense, is too slow, too long, or has too long a head. */
const OF_ONE_REQUEST = [400, 408, 413, 414, 431];
/** Answers that are about the token: none, a wrong one, or one that may not. */
const REFUSALS = [401, 403];
/** What is told of Larder when it is left alone: where it gives no answer, and where it refuses. */
const SO = {
  away: 'Larder is done without until it answers, and the handlers keep nothing that is made meanwhile',
  refuses: 'Larder is done without until that is mended: LARDER_TOKEN has to be one that may read, refresh and purge',
};
/** The same where a purge met it. */
const SO_OF_PURGES = {
  away: 'Larder is told of what was revalidated once it answers; until then it serves what it has',
  refuses:
    'What was revalidated was not purged, and Larder is done without until that is mended: ' +
    'LARDER_TOKEN has to be one that may read, refresh and purge',
};
/** Scopes of one request, fewer than Larder takes. */
const MAX_SCOPES = 1000;

export class Larder {
  heads = new Heads();
  #to;
  #site;
  // While it is away: after which time it is asked again, and what was said of it.
  #pauseMs = 0;
  #isRefused = false;
  #again;
  #said = new Set();
  #refusals = new Set();
  // Tags to be purged, hard or softly; and the request that tells it of some.
  #waiting = { hard: new Set(), soft: new Set() };
  #next;
  #sending;

  constructor() {
    try {
      this.#to = connection({ timeoutMs: Number(process.env.LARDER_TIMEOUT_MS) || TIMEOUT_MS });
    } catch (error) {
      // Thrown here it would fail each request.
      this.say(`${error.message}. Larder is done without`);
    }
    this.#site = process.env.LARDER_SITE_HOST;
  }

  /** Looks an entry up. Gives its headers, and its body as it comes; nothing where there is none. */
  async look(key, softTags) {
    const answer = await this.#ask('GET', this.#path(key), { headers: softTags && { 'larder-soft-tags': softTags } });
    if (answer.status === 200) return answer;
    if (answer.status !== 404) throw await this.#refused(answer);
    await whole(answer.body);
    return undefined;
  }

  /**
   * Keeps an entry, if it can be kept. Says whether it may be outdated: whether, for all that is known,
   * something was purged since it was born.
   */
  async keep(key, headers, body) {
    const answer = await this.#ask('PUT', this.#path(key), { headers, body });
    let head = answer.headers['larder-head'];
    if ([204, 409, 413, 503].includes(answer.status)) {
      await whole(answer.body);
    } else if (answer.status === 403) {
      // A token that may only read is no reason not to. It is told how far the log has come when it reads.
      this.say(`nothing is kept: ${(await refusal(answer)).message}`, 'may not put');
      head = await this.#head();
    } else {
      const error = await this.#refused(answer);
      if (!head) throw error;
    }
    return { mayBeOutdated: answer.status === 409 || (answer.status !== 204 && head !== headers['larder-born']) };
  }

  /** Whether it refuses all that is asked: that lasts, where a silence passes. */
  get isRefusing() {
    return !this.#to || this.#isRefused;
  }

  async #head() {
    const answer = await this.#ask('GET', this.#path(NO_KEY));
    await whole(answer.body);
    return answer.headers['larder-head'];
  }

  /**
   * Purges tags. Those of one tick are one request, since Next tells both handlers of each. Resolves
   * when they are durable, and also where Larder is away: it is told as soon as it is back.
   */
  purge(tags, isSoft) {
    if (tags.length === 0 || !this.#to) return Promise.resolve();
    for (const tag of tags) this.#waiting[isSoft ? 'soft' : 'hard'].add(tag);
    this.#next ??= Promise.resolve().then(() => {
      this.#next = undefined;
      return this.#send().catch((error) => this.#away(error, SO_OF_PURGES));
    });
    return this.#next;
  }

  /** Tells Larder of all that waits. */
  async #send() {
    // What is on its way began before what was asked for last.
    while (this.#sending) await this.#sending;
    if (this.#isWaiting()) {
      this.#sending = this.#sendAll().finally(() => (this.#sending = undefined));
      await this.#sending;
    }
  }

  async #sendAll() {
    for (const kind of ['hard', 'soft']) {
      while (this.#waiting[kind].size > 0) {
        const waiting = this.#waiting[kind];
        const tags = [...waiting].slice(0, MAX_SCOPES);
        const isTooMuch = waiting.size > MAX_WAITING;
        this.#waiting[kind] = new Set(isTooMuch ? [] : [...waiting].slice(MAX_SCOPES));
        try {
          await this.#sendSome(isTooMuch ? undefined : tags, kind === 'soft');
        } catch (error) {
          for (const tag of isTooMuch ? waiting : tags) this.#waiting[kind].add(tag);
          throw error;
        }
      }
    }
  }

  async #sendSome(tags, soft) {
    const site = this.#site && { sites: [this.#site] };
    const what = tags ? { tags, ...site } : (site ?? { everything: true });
    const answer = await exchange(
      { ...this.#to, timeoutMs: this.#pauseMs > 0 ? this.#to.timeoutMs : Math.max(PURGE_TIMEOUT_MS, this.#to.timeoutMs) },
      'POST',
      '/v1/purge',
      { headers: { 'content-type': 'application/json' }, body: [Buffer.from(JSON.stringify({ ...what, soft }))], isUrgent: true },
    );
    if (answer.status === 200) {
      await whole(answer.body);
      return;
    }
    const error = await refusal(answer);
    if (!tags || (error.status !== 400 && error.status !== 413)) throw error;
    // It would be refused each time; but perhaps for one of them, or because they are too long together.
    if (tags.length === 1) return console.error(`@larder/next: ${tags[0]} was not purged: ${error.message}`);
    const half = Math.ceil(tags.length / 2);
    await this.#sendSome(tags.slice(0, half), soft);
    await this.#sendSome(tags.slice(half), soft);
  }

  #isWaiting() {
    return this.#waiting.hard.size + this.#waiting.soft.size > 0;
  }

  /** Asks, unless Larder is left alone. */
  async #ask(method, path, more) {
    if (this.#pauseMs > 0 || !this.#to) throw new LeftAlone();
    try {
      return await this.#askNow(method, path, more);
    } catch (error) {
      throw this.#away(error);
    }
  }

  async #askNow(method, path, more) {
    const answer = await exchange(this.#to, method, path, more);
    this.heads.saw(answer.headers['larder-head']);
    return { ...answer, body: this.#noting(answer.body) };
  }

  /** A body of which it is noted if it breaks off. */
  async *#noting(body) {
    try {
      yield* body;
    } catch (error) {
      throw this.#away(error);
    }
  }

  /** What comes of an answer that is none: where it is about this request alone, nothing further. */
  async #refused(answer) {
    const error = await refusal(answer);
    return OF_ONE_REQUEST.includes(error.status) ? this.say(error.message) : this.#away(error);
  }

  /** Says what one request meets and others may, once. Gives an error. */
  say(what, kind = what) {
    if (!this.#refusals.has(kind) && this.#refusals.size < MAX_SAID) {
      this.#refusals.add(kind);
      console.warn(`@larder/next: ${what}.`);
    }
    return new Error(what);
  }

  /** Leaves Larder alone for a while, and says why, once. Gives the error. */
  #away(error, { away, refuses } = SO) {
    // Of a value that broke off, Larder is not to blame.
    if (!(error instanceof LarderError)) return error;
    this.#isRefused = REFUSALS.includes(error.status);
    const so = this.#isRefused ? refuses : away;
    this.#pauseMs ||= PAUSES_MS[0];
    this.#again ??= setTimeout(() => this.#askAgain(), this.#pauseMs).unref();
    if (!this.#said.has(so)) console.warn(`@larder/next: ${error.message}. ${so}.`);
    this.#said.add(so);
    return error;
  }

  /** Finds out whether it is back, which no request waits for. What waits to be purged comes first. */
  async #askAgain() {
    this.#again = undefined;
    try {
      await this.#send();
      const answer = await this.#askNow('GET', this.#path(NO_KEY), { isUrgent: true });
      if (answer.status !== 404) throw await refusal(answer);
      await whole(answer.body);
      this.#pauseMs = 0;
      this.#isRefused = false;
      this.#said.clear();
      console.warn(`@larder/next: Larder at ${this.#to.base} answers again.`);
    } catch (error) {
      this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSES_MS[1]);
      this.#away(error);
    }
  }

  #path(key) {
    const site = this.#site ? `?site=${encodeURIComponent(this.#site)}` : '';
    return `/v1/entries/${encodeURIComponent(key)}${site}`;
  }
}

/** Nothing is asked for now. */
class LeftAlone extends Error {}

/** What Larder says instead of what was asked for. */
async function refusal({ status, body }) {
  let problem = {};
  try {
    problem = JSON.parse(await whole(body));
  } catch {
    // It says no more than its status.
  }
  const said = [problem.title, problem.detail].filter(Boolean).join('; ');
  return new LarderError(`Larder answers ${status}${said && `: ${said}`}`, { status });
}
