// For one visitor: browsers may keep it, shared caches must not.
import type { APIRoute } from 'astro';

export const GET: APIRoute = () =>
  Response.json({ secret: crypto.randomUUID() }, { headers: { 'Cache-Control': 'private, max-age=60' } });
