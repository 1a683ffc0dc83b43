/** A picture, as `next/image` asks for it. */
export interface Picture {
  src: string;
  width: number;
  quality?: number;
}

/** The loader of next/image by URLs of Larder: of paths of the app, and of the URLs that Larder's `sources` list. */
export default function larderLoader(picture: Picture): string;
