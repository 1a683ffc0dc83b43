// What is kept while a site is built: in this process and as long as that. Larder need not be there
// then, and nothing of a build that is not deployed comes to be shared.

import { Making } from './making.js';

/** What is kept at most; then nothing further is. */
const MAX_BYTES = 64 << 20;

export class Memory {
  making = new Making();
  #kept = new Map();
  #bytes = 0;

  async get(key) {
    return this.#kept.get(key);
  }

  async put(key, { about, body }) {
    const pieces = [];
    for await (const piece of body) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    if (this.#bytes + bytes.length > MAX_BYTES) return;
    this.#bytes += bytes.length;
    this.#kept.set(key, { about, isStale: false, body: bytes });
  }

  async purge() {}
}
