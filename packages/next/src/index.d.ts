/**
 * Gives a configuration in which Next keeps nothing by itself, but all through Larder: sets
 * `cacheHandler`, `cacheHandlers.default`, `cacheHandlers.remote` and `cacheMaxMemorySize`. With
 * `next dev` it changes nothing.
 *
 * Where Larder is, the server learns from its environment when it runs: `LARDER_ADMIN`
 * (`http://127.0.0.1:9090`), `LARDER_TOKEN`, and `LARDER_SITE_HOST` where Larder has several sites.
 */
export function withLarder<Phase extends unknown[], Config extends object>(
  config: (...phase: Phase) => Config | Promise<Config>,
): (...phase: Phase) => Promise<Config>;
export function withLarder<Config extends object>(config?: Config): Config;
