import { cacheLife, cacheTag } from 'next/cache';
import { cookies } from 'next/headers';
import { Suspense } from 'react';
import { note } from '../../lib/content';

/** A page whose frame is the same for all, around what is one visitor's. */
export default function Home() {
  return (
    <>
      <Note />
      <Suspense fallback={<p>Who are you?</p>}><Visitor /></Suspense>
    </>
  );
}

async function Note() {
  'use cache';
  cacheLife('hours');
  cacheTag('notes');
  return <p id="note">{await note()}</p>;
}

async function Visitor() {
  return <p id="visitor">Hello, {(await cookies()).get('name')?.value ?? 'stranger'}.</p>;
}
