// How far Larder's purge log had come, and when that was known. A value that began to be made at some
// time is not valid after purges that came later; what was known by then may be older than what was,
// and so never takes a purge for heard that was not.

/** Times that are told apart: one for each purge. Older ones are of values that took very long. */
const MAX_KNOWN = 512;

/** Milliseconds, of the clock by which Next says when a value began to be made. */
export const now = () => performance.timeOrigin + performance.now();

export class Heads {
  #known = [];

  /** Takes what an answer tells: the number of a log, a dot, and how far that has come. */
  saw(head) {
    if (!head) return;
    const [log, seq] = head.split('.');
    const last = this.#known.at(-1);
    if (last?.log === log && Number(seq) <= last.seq) return;
    this.#known.push({ at: now(), log, seq: Number(seq), head });
    if (this.#known.length > MAX_KNOWN) this.#known.shift();
  }

  /** How far it was known to have come at a time; nothing where nothing was known then. */
  at(time) {
    return this.#known.findLast(({ at }) => at <= time)?.head;
  }
}
