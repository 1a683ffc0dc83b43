// Asks Larder's admin listener. This file is the same in each package, so that none depends on
// another; a test holds them together.

const TIMEOUT_MS = 10_000;

/** What Larder answered instead of what was asked for, or why there was no answer. */
export class LarderError extends Error {
  /**
   * @param {string} message
   * @param {{ status?: number, type?: string, cause?: unknown }} [more]
   */
  constructor(message, { status, type, cause } = {}) {
    super(message, { cause });
    this.name = 'LarderError';
    this.status = status;
    this.type = type;
  }
}

/** Where Larder is asked, and with which token: what is given, else what the environment says. */
export function connection({ url, token, timeoutMs } = {}) {
  const base = url ?? process.env.LARDER_ADMIN ?? 'http://127.0.0.1:9090';
  // `localhost:9090` parses too, as a URL whose scheme is localhost.
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    throw new LarderError(`${base} is no URL of http: write http://127.0.0.1:9090`);
  }
  const shown = (token ?? process.env.LARDER_TOKEN)?.trim();
  // Refused here: fetch would repeat it in its own error.
  if (shown && !/^[\x21-\x7e]+$/.test(shown)) throw new LarderError('the token has characters that no token has');
  return { base: new URL(base).origin, token: shown, timeoutMs: timeoutMs ?? TIMEOUT_MS };
}

/** Sends a request; gives the response if its status is one of `statuses`, and throws otherwise. */
export async function send({ base, token, timeoutMs }, method, path, { headers, body, statuses = [200], signal, ...more } = {}) {
  const timeout = AbortSignal.timeout(timeoutMs);
  let response;
  try {
    response = await fetch(base + path, {
      method,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
      body,
      // A framework may have put a cache before fetch.
      cache: 'no-store',
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...more,
    });
  } catch (error) {
    const why = timeout.aborted ? `none within ${timeoutMs} ms` : (error.cause?.code ?? error.cause?.message ?? error.message);
    throw new LarderError(`no answer from Larder at ${base}: ${why}`, { cause: error });
  }
  if (statuses.includes(response.status)) return response;
  const problem = (await response.json().catch(() => undefined)) ?? {};
  const said = [problem.title, problem.detail ?? problem.error].filter(Boolean).join('; ');
  throw new LarderError(`Larder answers ${response.status} to ${method} ${path}${said && `: ${said}`}`, {
    status: response.status,
    type: problem.type?.replace('urn:larder:problem:', ''),
  });
}

/** What an answer says in JSON. */
export async function read(response) {
  try {
    return await response.json();
  } catch (error) {
    const why = error.name === 'TimeoutError' ? 'it did not come whole in time' : 'it is no JSON';
    throw new LarderError(`the answer of ${response.url} cannot be read: ${why}`, { status: response.status, cause: error });
  }
}

/** Sends JSON, and gives what is answered. */
export async function post(to, path, body, more) {
  const headers = { 'content-type': 'application/json' };
  const response = await send(to, 'POST', path, { headers, body: JSON.stringify(body), ...more });
  return read(response);
}
