import Image from 'next/image';
import Link from 'next/link';
import { articles } from '../lib/content';
import { Rendered } from '../lib/rendered';
import shelves from './shelves.jpg';

export const revalidate = 10;

export default async function Home() {
  return (
    <>
      <h1>Articles</h1>
      <Image src={shelves} alt="Shelves" width={640} preload />
      <ul className="cards">
        {(await articles()).map(({ slug, title }) => (
          <li key={slug}><Link href={`/articles/${slug}`}>{title}</Link></li>
        ))}
      </ul>
      <Rendered />
    </>
  );
}
