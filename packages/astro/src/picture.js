// The URL by which Larder makes a picture. The same file in each package that writes such URLs.

/** The URL of a picture: of a path of the site or a URL, with Larder's options. */
export function target(src, options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return told(given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join(','), src);
}

/** The URL by which Larder tells something of a picture, such as `info`. */
export function told(what, src) {
  // A URL is encoded whole: its query is none of ours, and its two slashes stay two.
  const source = src.startsWith('/') ? src : `/${encodeURIComponent(src)}`;
  return `/_larder/image/${what}${source}`;
}
