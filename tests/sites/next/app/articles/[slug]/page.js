import { draftMode } from 'next/headers';
import { notFound } from 'next/navigation';
import { article, articles } from '../../../lib/content';
import { Rendered } from '../../../lib/rendered';

export const revalidate = 10;

export async function generateStaticParams() {
  return (await articles()).map(({ slug }) => ({ slug }));
}

export async function generateMetadata({ params }) {
  const found = await wanted(params);
  return { title: found?.title ?? 'Not found' };
}

export default async function Article({ params }) {
  const found = await wanted(params);
  if (!found) notFound();
  const { isEnabled } = await draftMode();
  return (
    <>
      <h1>{found.title}</h1>
      {isEnabled && <p id="draft">This is a draft.</p>}
      <p id="body">{found.body}</p>
      <Rendered />
    </>
  );
}

async function wanted(params) {
  const [{ slug }, { isEnabled }] = [await params, await draftMode()];
  return article(slug, isEnabled);
}
