// Publishes articles in a content system and sees with a real browser that readers get them: each
// webhook, softly and hard, by tag and by path, and the site's own way to have pages forgotten.
//
//   node publish.mjs http://127.0.0.1:8080 PORT SECRET STANDARD_SECRET [INSTANCE...]
//
// The site behind Larder reads its articles from 127.0.0.1:PORT, where this is the content system.
// Hooks are called hard-tag (sanity), hard-path (ghost), soft-tag (standard) and soft-path (github).
// With instances, which are URLs of servers behind Larder, it is the Next.js site, else that of Astro.
// Prints `ok  what` or `not ok  what: why`, and how long it took from the hook to the new page; the
// exit code is 1 when any failed. CHROMIUM names the browser; it is never downloaded.

import assert from 'node:assert/strict';
import { contentSystem } from '../content/system.mjs';
import { open } from './browser.mjs';

const [larder, port, secret, standardSecret, ...instances] = process.argv.slice(2);
if (!URL.canParse(larder) || !standardSecret) {
  console.error('usage: node publish.mjs http://127.0.0.1:8080 PORT SECRET STANDARD_SECRET [INSTANCE...]');
  process.exit(2);
}
const SLUG = 'first-in-first-out';
const PATH = `/articles/${SLUG}`;
const payload = ({ slug }) => ({ slug, post: { current: { slug } } });
const hook = (name, kind) => ({ kind, secret: kind === 'standard' ? standardSecret : secret, url: `${larder}/_larder/hooks/${name}`, payload });
const HOOKS = {
  'a hard purge of a tag': hook('hard-tag', 'sanity'),
  'a hard purge of a path': hook('hard-path', 'ghost'),
  'a soft purge of a tag': hook('soft-tag', 'standard'),
  'a soft purge of a path': hook('soft-path', 'github'),
};

const content = await contentSystem(Number(port), []);
const browser = await open();
let failed = 0;
let count = 0;

async function check(what, body) {
  try {
    console.log(`ok  ${what}${(await body()) ?? ''}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok  ${what}: ${error.message}`);
  }
}

const title = () => `Edition ${(count += 1)} of ${process.pid}`;

/// What a reader with fresh eyes sees.
async function read() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const response = await page.goto(larder + PATH, { waitUntil: 'load' });
  const seen = { title: await page.locator('h1').textContent(), cache: response.headers()['cache-status'] };
  await context.close();
  return seen;
}

/// Reads until the title is there; gives all that was seen before it.
async function readUntil(wanted) {
  const before = [];
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    const seen = await read();
    if (seen.title === wanted) return before;
    before.push(seen);
  }
  throw new Error(`${wanted} never came; at last ${JSON.stringify(before.at(-1))}`);
}

/// Reads from a server behind Larder, which has it at once or soon.
async function readInstance(instance, wanted, isAtOnce) {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    if ((await (await fetch(instance + PATH)).text()).includes(wanted)) return;
    assert.ok(!isAtOnce, `${instance} has not ${wanted}`);
  }
  throw new Error(`${instance} never had ${wanted}`);
}

/// Comes by a link, whose page scripts asked for in advance, until the page is the new one.
async function click(wanted, isAtOnce) {
  const seen = [];
  for (const until = Date.now() + 10_000; Date.now() < until && !(isAtOnce && seen.length > 0); ) {
    seen.push(await clickOnce());
    if (seen.at(-1) === wanted) return;
  }
  throw new Error(`a link leads to ${seen}, not to ${wanted}`);
}

async function clickOnce() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${larder}/`, { waitUntil: 'networkidle' });
  await page.evaluate(() => (window.stays = true));
  await page.locator(`a[href="${PATH}"]`).click();
  await page.waitForURL(larder + PATH);
  const seen = await page.locator('h1', { hasText: 'Edition' }).textContent();
  assert.ok(await page.evaluate(() => window.stays), 'by scripts, not as a document');
  await context.close();
  return seen;
}

/// Has the site itself forget something, by its own code.
function forget(what) {
  const isNext = instances.length > 0;
  const body = isNext ? { path: what.path, tag: what.tags?.[0], now: true } : what;
  return fetch(`${larder}/api/${isNext ? 'publish' : 'invalidate'}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/// How long it takes from the hook to the new page, asked for without a browser, which takes its time.
async function time(publish, wanted) {
  const begun = performance.now();
  await publish();
  for (;;) {
    const text = await (await fetch(larder + PATH)).text();
    if (text.includes(wanted)) return performance.now() - begun;
    assert.ok(performance.now() - begun < 10_000, `${wanted} never came`);
  }
}

content.write(SLUG, title());
await check('an article is kept once it was read', async () => {
  await fetch(`${larder}/_larder/hooks/hard-tag`).then((response) => assert.equal(response.status, 405));
  await content.publish(SLUG, title(), [HOOKS['a hard purge of a tag']]);
  await readUntil(`Edition ${count} of ${process.pid}`);
  assert.match((await read()).cache, /larder; hit/);
});

for (const [what, one] of Object.entries(HOOKS)) {
  await check(`${what} brings the new edition to readers`, async () => {
    await readUntil(`Edition ${count} of ${process.pid}`);
    const [answer] = await content.publish(SLUG, title(), [one]);
    assert.deepEqual([answer.status, answer.outcome], [200, 'purged']);
    const before = await readUntil(`Edition ${count} of ${process.pid}`);
    // Softly purged, the old one may be served while the new one is made.
    if (what.includes('hard')) assert.deepEqual(before, []);
    for (const instance of instances) await readInstance(instance, `Edition ${count} of ${process.pid}`, what.includes('hard'));
    if (instances.length > 0) await click(`Edition ${count} of ${process.pid}`, what.includes('hard'));
    assert.match((await read()).cache, /larder; hit/);
  });
}

await check('from the hook to the new page', async () => {
  const took = {};
  for (const [what, one] of Object.entries(HOOKS)) {
    const times = [];
    for (let i = 0; i < 5; i += 1) {
      const wanted = title();
      times.push(await time(() => content.publish(SLUG, wanted, [one]), wanted));
    }
    took[what] = times.sort((a, b) => a - b)[2];
  }
  const told = Object.entries(took).map(([what, ms]) => `${what} ${ms.toFixed(1)} ms`);
  return ` (median of five): ${told.join(', ')}`;
});

for (const what of [{ path: PATH }, { tags: [`article:${SLUG}`] }]) {
  await check(`the site itself has ${Object.keys(what)} forgotten`, async () => {
    content.write(SLUG, title());
    const response = await forget(what);
    assert.ok(response.ok, await response.text());
    assert.deepEqual(await readUntil(`Edition ${count} of ${process.pid}`), []);
  });
}

content.close();
await browser.close();
process.exit(failed === 0 ? 0 : 1);
