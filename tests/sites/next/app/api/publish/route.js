import { revalidatePath, revalidateTag } from 'next/cache';

/** A content system's call: `{"tag", "now"?}` or `{"path"}`. */
export async function POST(request) {
  const { tag, path, now } = await request.json();
  if (tag) revalidateTag(tag, now ? { expire: 0 } : 'max');
  if (path) revalidatePath(path);
  return Response.json({ tag, path });
}
