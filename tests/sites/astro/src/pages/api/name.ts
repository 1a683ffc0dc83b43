// Remembers the visitor's name in a cookie.
import type { APIRoute } from 'astro';

export const POST: APIRoute = async ({ request, cookies, redirect }) => {
  const name = (await request.formData()).get('name');
  if (typeof name !== 'string' || name.length > 40) return new Response('a name, please\n', { status: 400 });
  cookies.set('name', name, { path: '/', httpOnly: true, sameSite: 'lax' });
  return redirect('/greeting', 303);
};
