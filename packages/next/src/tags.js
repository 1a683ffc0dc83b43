// Tags, as Next writes them and as Larder does.

/**
 * A tag as it stands in a header: without commas, which part tags there, and with the letters that
 * Next percent-encodes as they were, so that webhooks name the same tag.
 */
export function named(tag) {
  return tag.replace(/(?:%[89a-f][0-9a-f])+/gi, decoded).replace(/[\p{Cc},]/gu, encodeURIComponent);
}

function decoded(bytes) {
  try {
    return decodeURIComponent(bytes);
  } catch {
    return bytes;
  }
}

/** The value of a header that names tags; nothing where there are none. */
export function header(tags) {
  if (tags.length === 0) return undefined;
  // Headers hold bytes.
  return Buffer.from([...new Set(tags.map(named))].join(', ')).toString('latin1');
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
