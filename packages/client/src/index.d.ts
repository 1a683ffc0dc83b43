/** Where Larder's admin listener is, and who asks. */
export interface Options {
  /** The admin listener; `LARDER_ADMIN`, or else `http://127.0.0.1:9090`. */
  url?: string;
  /** A token with the scopes that are needed; `LARDER_TOKEN`. */
  token?: string;
  /** The longest wait for an answer, in milliseconds: 10,000. A verified purge may take two minutes. */
  timeoutMs?: number;
}

/** What to purge. Something has to be named. */
export interface PurgeRequest {
  /** What bears these tags. */
  tags?: string[];
  /** URLs: `https://example.com/page?x`, or `/page` on every host. */
  urls?: string[];
  /** Paths and all below them. */
  prefixes?: string[];
  /** Patterns, in which `*` stands for any characters. */
  patterns?: string[];
  /** Sites by one of their hosts; with `tags`, whose tags. */
  sites?: string[];
  /** All that is stored; goes alone. */
  everything?: boolean;
  /** Let it be stale rather than gone. */
  soft?: boolean;
  /** The same, but make it anew at a bounded rate. */
  paced?: boolean;
  /** Then ask the origin until it gives something new. */
  verify?: boolean;
  /** Only count what it would cover. */
  dryRun?: boolean;
  /** Why, for the log. */
  reason?: string;
}

/** How verifying a URL ended. */
export interface Verified {
  url: string;
  outcome: 'changed' | 'new' | 'unchanged' | 'failed';
  tries: number;
  status: number | null;
}

/** What was purged, or would be. */
export interface PurgeResult {
  success: true;
  /** How many tags, URLs and so on were named. */
  invalidated: number;
  /** The number of the purge in the log. */
  seq?: number;
  dry_run?: boolean;
  /** Of a dry run: the responses that it would cover. */
  objects?: number;
  /** Of a dry run that had no time to count all: at least so many. */
  objects_at_least?: number;
  verified?: { urls: Verified[]; truncated: boolean };
}

/** What Larder answered instead of what was asked for, or why there was no answer. */
export class LarderError extends Error {
  /** The status of the answer, if there was one. */
  status?: number;
  /** The kind of problem, such as `wrong-token`. */
  type?: string;
}

/** A client of a Larder's admin API. */
export class Larder {
  /** @throws {LarderError} if the URL is none */
  constructor(options?: Options);
  /** Makes it forget; the token needs the scope `purge`. In force and durable when it answers. */
  purge(request: PurgeRequest): Promise<PurgeResult>;
  /**
   * What would happen to a request, why, and what to change; scope `read`. With `fetch` the origin is
   * asked too; scope `refresh`.
   */
  explain(
    url: string,
    request?: { headers?: Record<string, string>; method?: string; fetch?: boolean },
  ): Promise<Record<string, any>>;
  /** All that is stored, page after page; scope `read`. */
  objects(options?: { prefix?: string; pageSize?: number }): AsyncGenerator<Record<string, any>, void>;
  /** What is stored of a URL, nothing if nothing is; scope `read`. */
  object(url: string, request?: { headers?: Record<string, string> }): Promise<Record<string, any> | undefined>;
  /** How it does, in numbers; scope `read`. */
  status(): Promise<Record<string, any>>;
  /** The webhooks and their last deliveries; scope `read`. */
  hooks(): Promise<{ hooks: Record<string, any>[] }>;
}

/** What is to be made anew, told to a site that Larder serves. */
export interface RevalidateRequest {
  /** The site, as clients reach it: `https://example.com`. */
  site: string;
  /** The path of `[site.revalidate]`: `/api/revalidate`. */
  path?: string;
  /** Its secret. */
  secret: string;
  /** Paths, with all their queries. */
  paths?: string[];
  /** Tags of that site. */
  tags?: string[];
  /** Let it be stale rather than gone. */
  soft?: boolean;
  /** The longest wait for an answer, in milliseconds: 10,000. */
  timeoutMs?: number;
}

/** Has pages made anew through the site's own listener, where the admin listener is out of reach. */
export function revalidate(
  request: RevalidateRequest,
): Promise<{ success: true; invalidated: number; paths: string[] }>;
