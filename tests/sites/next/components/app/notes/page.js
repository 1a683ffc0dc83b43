import { cacheLife, cacheTag } from 'next/cache';
import { note } from '../../../lib/content';

/** A page that is the same for all. */
export default async function Notes() {
  'use cache';
  cacheLife('hours');
  cacheTag('notes');
  return <p id="note">{await note()}</p>;
}
