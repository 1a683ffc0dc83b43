// What stands in the place of a picture until it is there, as Larder tells it. The same file in each
// package that has it.

import { told } from './picture.js';

const TIMEOUT_MS = 5_000;
const KINDS = ['lqip', 'blurhash', 'thumbhash', 'dominant', 'palette', 'info'];

/**
 * What may stand in the place of a picture: a tiny picture as a `data:` URL unless another kind is named.
 * Nothing where it cannot be had: a page does without it.
 */
export async function placeholder(src, { kind = 'lqip', site = process.env.LARDER_SITE, timeoutMs = TIMEOUT_MS } = {}) {
  if (!KINDS.includes(kind)) throw new TypeError(`${kind} is no kind of placeholder: there are ${KINDS.join(', ')}`);
  if (!URL.canParse(site ?? '')) throw new TypeError('say where the site is: LARDER_SITE=https://example.com');
  const isText = kind !== 'palette' && kind !== 'info';
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(new URL(told(kind, src), site), { signal });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    return isText ? await response.text() : await response.json();
  } catch {
    return undefined;
  }
}
