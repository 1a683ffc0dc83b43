// Uses what the types say; only compiled.

import { Larder, LarderError, revalidate } from '@larder/client';

const larder = new Larder({ url: 'http://127.0.0.1:9090', timeoutMs: 1000 });
const { seq, verified } = await larder.purge({ tags: ['a'], soft: true, verify: true });
const number: number | undefined = seq;
const outcome: 'changed' | 'new' | 'unchanged' | 'failed' | undefined = verified?.urls[0]?.outcome;
for await (const object of larder.objects({ prefix: 'a.b' })) console.log(object.url);
const stored = await larder.object('https://a.b/');
console.log(number, outcome, stored?.tiers, (await larder.explain('https://a.b/', { fetch: true })).outcome);
try {
  await revalidate({ site: 'https://a.b', secret: 'x', paths: ['/'] });
} catch (error) {
  if (error instanceof LarderError) console.log(error.status, error.type);
}
// @ts-expect-error: a slip of the pen
await larder.purge({ tag: 'a' });
