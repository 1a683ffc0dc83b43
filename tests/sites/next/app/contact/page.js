import { Form } from './form';
import { Rendered } from '../../lib/rendered';

export const metadata = { title: 'Contact' };

export default function Contact() {
  return (
    <>
      <h1>Contact</h1>
      <Form />
      <Rendered />
    </>
  );
}
