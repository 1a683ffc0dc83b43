// A client of Larder's admin API.

import { connection, LarderError, post, read, send } from './admin.js';

export { LarderError };

// A verified purge asks the origin for up to a minute.
const SLOW_TIMEOUT_MS = 120_000;

export class Larder {
  #to;

  constructor(options) {
    this.#to = connection(options);
  }

  purge({ dryRun, ...what }) {
    const body = { ...what, ...(dryRun !== undefined && { dry_run: dryRun }) };
    return post(what.verify ? this.#slow() : this.#to, '/v1/purge', body);
  }

  async explain(url, { headers = {}, method, fetch = false } = {}) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    if (fetch) return post(this.#slow(), '/v1/explain', { url, method, headers: lines });
    return this.#get('/v1/explain', { url, method, header: lines });
  }

  async *objects({ prefix, pageSize = 1000 } = {}) {
    let cursor;
    do {
      const page = await this.#get('/v1/objects', { prefix, limit: pageSize, cursor });
      yield* page.objects;
      cursor = page.next_cursor;
    } while (cursor);
  }

  async object(url, { headers = {} } = {}) {
    const header = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    try {
      return await this.#get('/v1/object', { url, header });
    } catch (error) {
      if (error instanceof LarderError && error.status === 404 && error.type !== 'unknown-path') return undefined;
      throw error;
    }
  }

  status() {
    return this.#get('/v1/status');
  }

  hooks() {
    return this.#get('/v1/hooks');
  }

  async #get(path, query = {}) {
    const search = new URLSearchParams();
    for (const [name, values] of Object.entries(query)) {
      for (const value of [values].flat()) if (value !== undefined) search.append(name, value);
    }
    const response = await send(this.#to, 'GET', search.size ? `${path}?${search}` : path);
    return read(response);
  }

  #slow() {
    return { ...this.#to, timeoutMs: Math.max(this.#to.timeoutMs, SLOW_TIMEOUT_MS) };
  }
}

export function revalidate({ site, path = '/api/revalidate', secret, paths, tags, soft, timeoutMs }) {
  const to = { ...connection({ url: site, timeoutMs }), token: undefined };
  return post(to, path, { secret, paths, tags, soft });
}
