// Has Larder forget pages, as a page of one's own that publishes would.
import type { APIRoute } from 'astro';

const { PUBLISH_TOKEN } = process.env;

export const POST: APIRoute = async ({ cache, request }) => {
  if (!PUBLISH_TOKEN || request.headers.get('authorization') !== `Bearer ${PUBLISH_TOKEN}`) {
    return new Response('who are you?\n', { status: 401 });
  }
  const { path, tags } = await request.json();
  await cache.invalidate({ path, tags });
  return new Response(null, { status: 204 });
};
