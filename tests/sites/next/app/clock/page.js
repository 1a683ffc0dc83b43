import { news } from '../../lib/content';
import { Rendered } from '../../lib/rendered';

export const revalidate = 1;
export const metadata = { title: 'Clock' };

export default async function Clock() {
  return (
    <>
      <h1>Clock</h1>
      <p id="news">{await news()}</p>
      <Rendered />
    </>
  );
}
