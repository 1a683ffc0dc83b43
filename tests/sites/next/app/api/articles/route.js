import { articles } from '../../../lib/content';

export const dynamic = 'force-static';
export const revalidate = 10;

/** All articles as data, the same for everybody. */
export async function GET() {
  return Response.json({ articles: await articles(), rendered: new Date().toISOString() });
}
