import { NextResponse } from 'next/server';

export const config = { matcher: '/welcome' };

/** Gives each visitor a number, on a page that is the same for all. */
export function proxy(request) {
  const response = NextResponse.next();
  if (!request.cookies.has('visitor')) {
    response.cookies.set('visitor', crypto.randomUUID().replaceAll('-', ''));
  }
  return response;
}
