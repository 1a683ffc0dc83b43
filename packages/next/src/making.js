// Values of `use cache` that are being made, or were until just now. Next gives one that is being made
// to whoever wants it, so what began after a purge may be made of what began before.

/** After which time what began counts as given up. */
const LONGEST_MS = 60_000;
/** Values that are told apart of those that ended; of more, the oldest are taken together. */
const MAX_ENDED = 1000;
/** Values that are being made at once; of more, the oldest count as given up. */
const MAX_BEGUN = 10_000;

export class Making {
  #begun = new Map();
  #ended = [];

  /** Notes that a value is made, if it is. */
  begin(key, at) {
    this.#begun.set(key, Math.min(at, this.#begun.get(key) ?? at));
    if (this.#begun.size > MAX_BEGUN) this.#begun.delete(this.#begun.keys().next().value);
  }

  /** Notes that nothing came of it. */
  giveUp(key) {
    this.#begun.delete(key);
  }

  /** Notes that it is made, and of which tags. */
  end(key, tags, at) {
    const from = this.#begun.get(key);
    this.#begun.delete(key);
    if (from !== undefined) this.#ended.push({ from, to: at, tags });
    // In the order in which they ended and began: what is over stands first.
    while (this.#ended.length > 0 && this.#ended[0].to <= at - LONGEST_MS) this.#ended.shift();
    if (this.#ended.length > MAX_ENDED) this.#merge();
    for (const [key, from] of this.#begun) {
      if (from >= at - LONGEST_MS) break;
      this.#begun.delete(key);
    }
  }

  /** Takes the two oldest for one that may have been used wherever one of them was. */
  #merge() {
    const [one, other] = this.#ended.splice(0, 2);
    const tags = one.tags.filter((tag) => other.tags.includes(tag));
    this.#ended.unshift({ from: Math.min(one.from, other.from), to: Math.max(one.to, other.to), tags });
  }

  /** When the oldest began that a value with these tags, begun at a time, may be made of. */
  since(time, tags) {
    const known = new Set(tags);
    // A value bears the tags of all that it is made of.
    const used = this.#ended.filter(({ to, tags }) => to >= time && tags.every((tag) => known.has(tag)));
    return used.reduce((since, { from }) => Math.min(since, from), time);
  }
}
