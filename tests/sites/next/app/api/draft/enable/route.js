import { draftMode } from 'next/headers';
import { redirect } from 'next/navigation';

/** Shows drafts to this visitor from now on, beginning with an article. */
export async function GET(request) {
  (await draftMode()).enable();
  redirect(`/articles/${encodeURIComponent(request.nextUrl.searchParams.get('slug'))}`);
}
