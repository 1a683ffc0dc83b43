// Has answers bear tags where Next sends none of the header fields of what it keeps: parts of pages
// that are prefetched one by one.

import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';

// The configuration and the handlers may have been loaded apart from each other.
const answering = (globalThis[Symbol.for('@larder/next/answer')] ??= follow());

/** Knows, wherever the work for a request is done, what answers it. */
function follow() {
  const answering = new AsyncLocalStorage();
  subscribe('http.server.request.start', ({ response }) => answering.enterWith(response));
  return answering;
}

/** The parts of a page, each of which has whoever asks for it bear the page's tags. */
export class Segments extends Map {
  #tags;

  constructor(segments, tags) {
    super(segments);
    this.#tags = tags;
  }

  get(name) {
    const response = answering.getStore();
    // Next looks for a part when it answers with it, and only then.
    if (this.#tags && response && !response.headersSent) response.setHeader('Cache-Tag', this.#tags);
    return super.get(name);
  }
}
