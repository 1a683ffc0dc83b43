import { Rendered } from '../../lib/rendered';
import { Visitor } from './visitor';

export const revalidate = 10;
export const metadata = { title: 'Welcome' };

export default function Welcome() {
  return (
    <>
      <h1>Welcome</h1>
      <Visitor />
      <Rendered />
    </>
  );
}
