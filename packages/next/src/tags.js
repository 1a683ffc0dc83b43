// Tags, as Next writes them and as Larder does.

/** Tags that Larder takes of one value. */
const MAX_TAGS = 1024;
/** Their bytes in a header: with all else, in the 64 KiB that a request's head may have. */
const MAX_HEADER_BYTES = 48 << 10;

/**
 * A tag as it stands in a header: without commas, which part tags there, and without blanks at its ends,
 * which are not part of it there; and with the letters that Next percent-encodes as they were, so that
 * webhooks name the same tag.
 */
export function named(tag) {
  return tag.replace(/(?:%[89a-f][0-9a-f])+/gi, decoded).replace(/[\p{Cc},]|^\s+|\s+$/gu, encodeURIComponent);
}

function decoded(bytes) {
  try {
    return decodeURIComponent(bytes);
  } catch {
    return bytes;
  }
}

/** More tags than Larder takes: what bears them is not kept, for a purge might miss it. */
export class TooManyTags extends Error {}

/** The value of a header that names tags; nothing where there are none. Throws where there are too many. */
export function header(tags) {
  if (tags.length === 0) return undefined;
  const names = new Set(tags.map(named));
  // Headers hold bytes.
  const value = Buffer.from([...names].join(', '));
  if (names.size > MAX_TAGS || value.length > MAX_HEADER_BYTES) {
    throw new TooManyTags(`it has ${names.size} tags of ${value.length} bytes; ${MAX_TAGS} of ${MAX_HEADER_BYTES} are the most`);
  }
  return value.toString('latin1');
}

/** The tags that a page bears: Next joins them by commas, and so takes tags with commas apart. */
export function ofPage(headers) {
  const tags = headers?.['x-next-cache-tags'];
  return typeof tags === 'string' ? tags.split(',').filter(Boolean) : [];
}

/** What a purge of these tags names: also the pieces of those with commas. */
export function purged(tags) {
  return [...new Set(tags.flatMap((tag) => (tag.includes(',') ? [tag, ...tag.split(',')] : [tag])).map(named))].filter(Boolean);
}
