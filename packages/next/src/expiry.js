// Tags of which the old may be served for a certain time yet: they are purged softly at once, and when
// the time is over for good. As with Next's own handlers, that takes all that was made before it was.

/** Tags that wait at most; of more, the first are left as they are: stale, until there is a new one. */
const MAX_WAITING = 4096;
/** The longest that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Expiry {
  #due = new Map();
  #purge;
  #timer;

  /** `purge` is told of tags whose time is over. */
  constructor(purge) {
    this.#purge = purge;
  }

  /** Notes for how many seconds the old of some tags may be served, whatever was noted of them before. */
  note(tags, seconds) {
    const at = performance.now() + seconds * 1000;
    for (const tag of tags) {
      this.#due.delete(tag);
      if (seconds < Infinity) this.#due.set(tag, at);
      if (this.#due.size > MAX_WAITING) this.#due.delete(this.#due.keys().next().value);
    }
    this.#wait();
  }

  #wait() {
    clearTimeout(this.#timer);
    if (this.#due.size === 0) return;
    const next = [...this.#due.values()].reduce((one, other) => Math.min(one, other));
    const wait = Math.min(Math.max(Math.ceil(next - performance.now()), 0), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#end(), wait).unref();
  }

  #end() {
    const over = [...this.#due].filter(([, at]) => at <= performance.now()).map(([tag]) => tag);
    for (const tag of over) this.#due.delete(tag);
    if (over.length > 0) this.#purge(over);
    this.#wait();
  }
}
