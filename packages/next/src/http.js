// Sends a request to Larder. Not by fetch: Next has put a cache before that, and counts its use as
// part of what it renders.

import http from 'node:http';
import https from 'node:https';
import { LarderError } from './admin.js';

/** Answers name all tags of an entry. */
const MAX_HEADER_BYTES = 128 << 10;
/** Of the 128 connections that Larder takes in all. */
const MAX_CONNECTIONS = 12;
/** And beside those, for what must not wait for one: purges, and finding out whether Larder is back. */
const MAX_OWN_CONNECTIONS = 2;
/** The longest wait for one that is free; Larder is not to blame for it. */
const MAX_QUEUED_MS = 1000;
/** So much of a body has to come within the longest wait, or all that there is. */
const PACE_BYTES = 1 << 20;
/** What is read of an answer at most, where nobody says more. */
const MAX_SHORT_BYTES = 1 << 20;

const agents = (maxSockets) => {
  const options = { keepAlive: true, maxSockets, scheduling: 'lifo' };
  return { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };
};
const common = agents(MAX_CONNECTIONS);
const own = agents(MAX_OWN_CONNECTIONS);

/**
 * Sends a request with a body of pieces, which may come later. Gives the answer's status and headers,
 * and its body as it comes; rejects where none begins in time, by a `LarderError` where Larder is to
 * blame. `isUrgent`: it does not wait for what others ask.
 */
export async function exchange(to, method, path, more = {}) {
  const whole = more.body === undefined || Array.isArray(more.body);
  try {
    return await once(to, method, path, more);
  } catch (error) {
    // Larder closes connections that it had for two minutes, maybe just now.
    if (!whole || !error.closed) throw error;
    return once(to, method, path, { ...more, agent: false });
  }
}

function once({ base, token, timeoutMs }, method, path, { headers, body, agent, isUrgent }) {
  const url = new URL(base);
  const { request: ask } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const request = ask(base + path, {
      method,
      agent: agent ?? (isUrgent ? own : common)[url.protocol],
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers, ...length(body) },
    });
    const watch = new Watch(timeoutMs, () => {
      const error = new Error(`none within ${timeoutMs} ms`);
      request.destroy(error);
      fail(error);
    });
    const queued = setTimeout(() => {
      const error = new Error(`no connection to Larder was free within ${MAX_QUEUED_MS} ms`);
      request.destroy(error);
      reject(error);
    }, MAX_QUEUED_MS);
    const connected = new Promise((resolve) => request.once('socket', resolve)).then(() => clearTimeout(queued));
    let answered = false;
    const fail = (error) => {
      clearTimeout(queued);
      watch.stop();
      const failure = new LarderError(`no answer from Larder at ${base}: ${error.code ?? error.message}`, { cause: error });
      const isClosed = ['ECONNRESET', 'EPIPE'].includes(error.code);
      failure.closed = request.reusedSocket && isClosed;
      // Of a long body that Larder does not take it reads no more than it must, and what it answers may
      // be lost by that. If it is gone, the next request meets that.
      reject(isClosed && body && !Array.isArray(body) ? new Error(failure.message, { cause: error }) : failure);
    };
    request.on('response', (response) => {
      answered = true;
      watch.stop();
      resolve({ status: response.statusCode, headers: response.headers, body: pieces(response, base, timeoutMs) });
    });
    request.on('error', fail);
    send(request, body, watch, connected).catch((error) => {
      // What was read broke off, so nothing of it is to be kept; or Larder answered before the end.
      if (!answered) reject(error);
      request.destroy();
    });
  });
}

function length(body) {
  if (!Array.isArray(body)) return {};
  return { 'content-length': body.reduce((bytes, piece) => bytes + piece.length, 0) };
}

async function send(request, body, watch, connected) {
  await connected;
  if (request.destroyed) return;
  for await (const piece of body ?? []) {
    // Whoever makes the body may take their time, Larder may not.
    if (request.write(piece)) watch.stop();
    else await room(request, watch);
    if (request.destroyed) return;
  }
  watch.start();
  request.end();
}

function room(request, watch) {
  watch.start();
  return new Promise((resolve) => {
    const end = () => {
      request.off('drain', end).off('close', end);
      resolve(watch.stop());
    };
    request.on('drain', end).on('close', end);
  });
}

async function* pieces(response, base, timeoutMs) {
  const watch = new Watch(timeoutMs, () => response.destroy(new Error(`it did not come within ${timeoutMs} ms`)));
  let bytes = 0;
  watch.start();
  try {
    for await (const piece of response) {
      watch.pause();
      bytes += piece.length;
      yield piece;
      // A byte now and then is no answer either.
      if (bytes < PACE_BYTES) watch.goOn();
      else watch.start();
      bytes %= PACE_BYTES;
    }
  } catch (error) {
    throw new LarderError(`the answer from Larder at ${base} broke off: ${error.code ?? error.message}`, { cause: error });
  } finally {
    watch.stop();
    // Who had enough of it; what was read to its end leaves its connection for the next request.
    if (!response.readableEnded) response.destroy();
  }
}

/** The body of an answer, when it is whole; rejects where it is too long. */
export async function whole(body, maxBytes = MAX_SHORT_BYTES) {
  const pieces = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new Error(`longer than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
}

/** A time limit for what is waited for, and for nothing else. */
class Watch {
  #timer;
  #last;
  #from;
  #leftMs;

  constructor(timeoutMs, end) {
    this.timeoutMs = timeoutMs;
    this.end = end;
  }

  start() {
    this.#leftMs = this.timeoutMs;
    this.goOn();
  }

  pause() {
    this.stop();
    this.#leftMs -= performance.now() - this.#from;
  }

  goOn() {
    this.stop();
    this.#from = performance.now();
    // This process may have been busy: what came meanwhile is read before it is said that nothing did.
    const end = () => (this.#last = setImmediate(this.end));
    this.#timer = setTimeout(end, Math.max(this.#leftMs, 1));
  }

  stop() {
    clearTimeout(this.#timer);
    clearImmediate(this.#last);
  }
}
