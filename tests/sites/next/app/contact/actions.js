'use server';
import { cookies } from 'next/headers';

/** Counts the words of a message, and remembers who sent it. */
export async function send(_before, form) {
  const [name, message] = [form.get('name'), form.get('message')];
  (await cookies()).set('name', name);
  const words = message.trim().split(/\s+/).length;
  return `Thank you, ${name}. Your ${words} words have arrived.`;
}
