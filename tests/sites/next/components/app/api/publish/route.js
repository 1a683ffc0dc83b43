import { revalidateTag } from 'next/cache';

/** A content system's call: `{"tag", "expire"}`. */
export async function POST(request) {
  const { tag, expire } = await request.json();
  revalidateTag(tag, { expire });
  return Response.json({ tag });
}
