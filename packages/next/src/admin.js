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
  if (!URL.canParse(base)) throw new LarderError(`${base} is no URL: write http://127.0.0.1:9090`);
  return { base: new URL(base).origin, token: token ?? process.env.LARDER_TOKEN, timeoutMs: timeoutMs ?? TIMEOUT_MS };
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
  const problem = await response.json().catch(() => ({}));
  const said = [problem.title, problem.detail ?? problem.error].filter(Boolean).join('; ');
  throw new LarderError(`Larder answers ${response.status} to ${method} ${path}${said && `: ${said}`}`, {
    status: response.status,
    type: problem.type?.replace('urn:larder:problem:', ''),
  });
}

/** Sends JSON, and gives what is answered. */
export async function post(to, path, body, more) {
  const headers = { 'content-type': 'application/json' };
  const response = await send(to, 'POST', path, { headers, body: JSON.stringify(body), ...more });
  return response.json();
}
