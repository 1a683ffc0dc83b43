// The loader of next/image by URLs of Larder, for apps that would rather say so than have Larder answer
// for `/_next/image`.

import { target } from './picture.js';

export default function larderLoader({ src, width, quality }) {
  // While one develops there is no Larder in front.
  if (process.env.NODE_ENV === 'development') return src;
  return target(src, { w: width, q: quality ?? 75 });
}
