import { cookies, headers } from 'next/headers';
import { Suspense } from 'react';
import { Rendered } from '../../lib/rendered';

export const metadata = { title: 'Visit' };

export default function Visit() {
  return (
    <>
      <h1>Visit</h1>
      <Suspense fallback={<p>Who are you?</p>}><Visitor /></Suspense>
      <Rendered />
    </>
  );
}

/** What only this visitor may see. */
async function Visitor() {
  const name = (await cookies()).get('name')?.value ?? 'stranger';
  const host = (await headers()).get('host');
  return <p id="visitor">Hello, {name}, at {host}.</p>;
}
