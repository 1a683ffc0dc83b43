import Image from 'next/image';
import { Rendered } from '../../../lib/rendered';
import shelves from '../../shelves.jpg';

export const revalidate = 10;
export const metadata = { title: 'Photo' };

export function generateStaticParams() {
  return ['1', '2', '3'].map((id) => ({ id }));
}

/** The whole page, for who comes from elsewhere. */
export default async function Photo({ params }) {
  const { id } = await params;
  return (
    <>
      <h1>Photo {id}</h1>
      <Image src={shelves} alt={`Photo ${id}`} width={640} preload />
      <Rendered />
    </>
  );
}
