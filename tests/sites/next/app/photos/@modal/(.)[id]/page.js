import Image from 'next/image';
import shelves from '../../../shelves.jpg';
import { Back } from './back';

/** The same photo over the list, for who comes from there. */
export default async function Modal({ params }) {
  const { id } = await params;
  return (
    <dialog open id="modal">
      <h2>Photo {id}</h2>
      <Image src={shelves} alt={`Photo ${id}`} width={256} loading="eager" />
      <p><Back /></p>
    </dialog>
  );
}
