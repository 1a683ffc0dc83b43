import Link from 'next/link';
import { Rendered } from '../../lib/rendered';

export const revalidate = 10;
export const metadata = { title: 'Photos' };

export default function Photos() {
  return (
    <>
      <h1>Photos</h1>
      <ul>{[1, 2, 3].map((id) => <li key={id}><Link href={`/photos/${id}`}>Photo {id}</Link></li>)}</ul>
      <Rendered />
    </>
  );
}
