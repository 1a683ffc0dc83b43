import { Rendered } from '../../lib/rendered';
import { Counter } from './counter';

export const metadata = { title: 'About' };

export default function About() {
  return (
    <>
      <h1>About</h1>
      <p>This page is made once, at the build.</p>
      <Counter />
      <Rendered />
    </>
  );
}
