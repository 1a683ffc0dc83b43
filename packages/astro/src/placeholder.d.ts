/** What is known of a picture. */
export interface Info {
  format: 'jpeg' | 'png' | 'webp' | 'avif' | 'gif';
  width: number;
  height: number;
  orientation: number;
  pages: number;
  alpha: boolean;
  dominant: string;
  palette: string[];
  blurhash: string;
  thumbhash: string;
  lqip: string;
  hash: string;
}

/** Where and how it is asked for. */
export interface Options {
  /** The site behind Larder, such as `https://example.com`. Not given: `LARDER_SITE`. */
  site?: string;
  /** The longest wait, in milliseconds: 5,000. */
  timeoutMs?: number;
}

/**
 * What may stand in the place of a picture until it is there: a tiny picture as a `data:` URL (`lqip`), a
 * hash, or a colour. Nothing where it cannot be had.
 */
export function placeholder(src: string, options?: Options & { kind?: 'lqip' | 'blurhash' | 'thumbhash' | 'dominant' }): Promise<string | undefined>;
export function placeholder(src: string, options: Options & { kind: 'palette' }): Promise<string[] | undefined>;
export function placeholder(src: string, options: Options & { kind: 'info' }): Promise<Info | undefined>;
