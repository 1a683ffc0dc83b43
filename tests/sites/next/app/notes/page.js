import { cacheLife, cacheTag } from 'next/cache';
import { note } from '../../lib/content';
import { Rendered } from '../../lib/rendered';

export const metadata = { title: 'Notes' };

export default async function Notes() {
  'use cache';
  cacheLife({ stale: 30, revalidate: 10, expire: 3600 });
  cacheTag('notes');
  return (
    <>
      <h1>Notes</h1>
      <p id="note">{await note()}</p>
      <Rendered />
    </>
  );
}
