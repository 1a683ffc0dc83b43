// The answer to the request that is worked for, for what Next leaves out: it sends no header fields of
// what it keeps with parts of pages that are prefetched one by one, and answers requests to route
// handlers before what they revalidated is.

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

/** Has the answer end no sooner than something is done. */
export function holdUntil(done) {
  const response = answering.getStore();
  if (!response || response.writableEnded) return;
  const end = response.end;
  response.end = (...rest) => {
    done.finally(() => end.apply(response, rest));
    return response;
  };
}

/** The header fields that parts of a page have from it. */
const FIELDS = ['cache-tag', 'larder-born', 'larder-cache-control'];

/** The parts of a page, each of which is answered with what the page's header fields tell Larder. */
export class Segments extends Map {
  #headers;

  constructor(segments, headers) {
    super(segments);
    this.#headers = headers;
  }

  get(name) {
    const response = answering.getStore();
    // Next looks for a part when it answers with it, and only then.
    if (this.#headers && response && !response.headersSent) {
      for (const field of FIELDS) if (this.#headers[field]) response.setHeader(field, this.#headers[field]);
    }
    return super.get(name);
  }
}
