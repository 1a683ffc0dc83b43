'use client';
import { useActionState } from 'react';
import { send } from './actions';

export function Form() {
  const [result, action] = useActionState(send, undefined);
  return (
    <form action={action}>
      <p><label>Name <input name="name" required /></label></p>
      <p><label>Message <textarea name="message" required /></label></p>
      <button>Send</button>
      {result && <p id="result">{result}</p>}
    </form>
  );
}
