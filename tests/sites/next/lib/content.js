// Where articles come from: a content server, if CONTENT_URL names one, else a file.
import file from './articles.json';

const { CONTENT_URL } = process.env;

/** All articles as they are published. */
export async function articles() {
  return (await read('/articles', ['articles'])) ?? file;
}

/** An article, or its draft; nothing if there is none. */
export async function article(slug, draft = false) {
  if (!CONTENT_URL) {
    const found = file.find((article) => article.slug === slug);
    return found && draft ? { ...found, body: `${found.body} A draft of it.` } : found;
  }
  if (draft) return read(`/drafts/${slug}`);
  return read(`/articles/${slug}`, ['articles', `article:${slug}`]);
}

/** Text that `use cache` keeps. */
export async function note() {
  return (await read('/note'))?.text ?? 'Nothing to note.';
}

/** A word that changes often. */
export async function news() {
  return (await read('/news', [], 1))?.text ?? 'No news.';
}

async function read(path, tags, revalidate = 10) {
  if (!CONTENT_URL) return undefined;
  const response = await fetch(CONTENT_URL + path, tags ? { next: { tags, revalidate } } : { cache: 'no-store' });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}
