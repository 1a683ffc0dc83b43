// Values of `use cache` that are being made, or were until just now. Next gives one that is being made
// to whoever wants it, so what began after a purge may be made of what began before.

/** After which time what began counts as given up. */
const LONGEST_MS = 60_000;

export class Making {
  #begun = new Map();
  #ended = [];

  /** Notes that a value is made, if it is. */
  begin(key, at) {
    this.#begun.set(key, Math.min(at, this.#begun.get(key) ?? at));
  }

  /** Notes that it is made, and of which tags. */
  end(key, tags, at) {
    const from = this.#begun.get(key);
    this.#begun.delete(key);
    if (from !== undefined) this.#ended.push({ from, to: at, tags });
    this.#ended = this.#ended.filter(({ to }) => to > at - LONGEST_MS);
    for (const [key, from] of this.#begun) if (from < at - LONGEST_MS) this.#begun.delete(key);
  }

  /** When the oldest began that a value with these tags, begun at a time, may be made of. */
  since(time, tags) {
    const known = new Set(tags);
    // A value bears the tags of all that it is made of.
    const used = this.#ended.filter(({ to, tags }) => to >= time && tags.every((tag) => known.has(tag)));
    return used.reduce((since, { from }) => Math.min(since, from), time);
  }
}
