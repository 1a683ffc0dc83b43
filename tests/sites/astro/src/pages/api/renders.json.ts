// `?path=/x`: how often the site itself answered for that path.
import type { APIRoute } from 'astro';
import { rendersOf } from '../../renders';

export const GET: APIRoute = ({ url }) => {
  const path = url.searchParams.get('path') ?? '/';
  return Response.json({ path, renders: rendersOf(path) }, { headers: { 'Cache-Control': 'no-store' } });
};
