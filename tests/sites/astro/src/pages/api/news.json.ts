// The same for everybody, for a minute.
import type { APIRoute } from 'astro';
import { articles } from '../../articles';
import { rendersOf } from '../../renders';

export const GET: APIRoute = async ({ url }) =>
  Response.json(
    {
      renders: rendersOf(url.pathname),
      news: (await articles()).map(({ slug, title, updated }) => ({ url: `/articles/${slug}`, title, updated })),
    },
    { headers: { 'CDN-Cache-Control': 'max-age=60' } },
  );
