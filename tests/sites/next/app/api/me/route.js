import { cookies } from 'next/headers';

/** What the site knows of this visitor. */
export async function GET() {
  return Response.json({ name: (await cookies()).get('name')?.value ?? null, secret: crypto.randomUUID() });
}
