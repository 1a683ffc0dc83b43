// Visits the Next.js site of `tests/sites/next` through Larder with a real browser.
//
//   node next.mjs http://127.0.0.1:8080 nextjs|none
//
// The second word is the preset: without one, drafts of pages that are kept are not shown, so that is
// not looked at. Each check prints `ok  name` or `not ok  name: why`; the exit code is 1 when any
// failed. CHROMIUM names the browser; it is never downloaded. Several browser contexts stand for
// several visitors: they share neither cookies nor the browser's own cache.

import assert from 'node:assert/strict';
import { cacheStatus, isHit, open, standstill } from './browser.mjs';

const STEP_LIMIT_MS = 30_000;
const PAGES = {
  '/': 'Articles',
  '/about': 'About',
  '/notes': 'Notes',
  '/clock': 'Clock',
  '/photos': 'Photos',
  '/contact': 'Contact',
  '/welcome': 'Welcome',
  '/visit': 'Visit',
};
const ARTICLE = '/articles/label-and-date';
const MISSING = '/articles/nobody-wrote-this';

const [address, preset] = process.argv.slice(2);
if (!URL.canParse(address) || !['nextjs', 'none'].includes(preset)) {
  console.error('usage: node next.mjs http://127.0.0.1:8080 nextjs|none');
  process.exit(2);
}
const base = new URL(address).origin;
const run = Math.random().toString(36).slice(2, 10);
const trouble = [];
// What the scripts of pages asked for.
const payloads = [];
// What only one visitor may see.
const secrets = new Map();
let [passed, failed] = [0, 0];

const browser = await open();
const [ada, ben, cleo] = [await newVisitor(), await newVisitor(), await newVisitor()];

await check('every page opens directly and its script runs', async () => {
  for (const [path, heading] of Object.entries(PAGES)) {
    await visit(ada, path, async (page, response) => {
      assert.equal(response.status(), 200);
      await shows(page, heading);
      await isAlive(page);
    });
  }
});

await check('the stylesheet and the picture show', async () => {
  await visit(ada, '/', async (page) => {
    const display = await page.locator('header').evaluate((header) => getComputedStyle(header).display);
    assert.equal(display, 'flex');
    const width = await page.locator('main img').evaluate((img) => img.decode().then(() => img.naturalWidth));
    assert.ok(width > 0);
    assert.equal(await page.locator('.cards li').count(), 4);
  });
});

await check('the counter counts', async () => {
  await visit(ada, '/about', async (page) => {
    const button = page.locator('#count');
    await isAlive(page);
    for (const times of [1, 2]) {
      await button.click();
      await page.getByText(`Counted ${times} times`).waitFor();
    }
  });
});

await check('every page opens by its link without a document', async () => {
  await visit(ada, '/', async (page) => {
    await isAlive(page);
    await page.evaluate(() => (window.stays = true));
    for (const heading of [...Object.values(PAGES), 'Articles', 'Label and date']) {
      await page.getByRole('link', { name: heading, exact: true }).click();
      await shows(page, heading);
    }
    assert.ok(await page.evaluate(() => window.stays), 'the document was loaded anew');
  });
});

await check('back, forth, reload and the same URL directly show the page', async () => {
  const page = await ben.newPage();
  await page.goto(base + '/');
  await isAlive(page);
  await page.getByRole('link', { name: 'Label and date' }).click();
  await shows(page, 'Label and date');
  await page.getByRole('link', { name: 'Notes' }).click();
  await shows(page, 'Notes');
  for (const [step, heading] of [
    ['goBack', 'Label and date'],
    ['reload', 'Label and date'],
    ['goBack', 'Articles'],
    ['reload', 'Articles'],
    ['goForward', 'Label and date'],
    ['goForward', 'Notes'],
    ['reload', 'Notes'],
    ['goBack', 'Label and date'],
  ]) {
    await page[step]();
    await shows(page, heading);
  }
  await page.goto(base + ARTICLE);
  await shows(page, 'Label and date');
  // From the browser's own cache, as after "restore tabs".
  await page.goto('about:blank');
  await page.goBack();
  await shows(page, 'Label and date');
  await page.close();
});

await check('a photo opens over the list, and by itself after a reload', async () => {
  for (const visitor of [ada, ben]) {
    const page = await visitor.newPage();
    await page.goto(base + '/photos');
    await isAlive(page);
    await page.getByRole('link', { name: 'Photo 1' }).click();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.locator('#modal').waitFor({ state: 'detached' });
    await shows(page, 'Photos');
    await page.getByRole('link', { name: 'Photo 2' }).click();
    await page.locator('#modal').waitFor();
    await shows(page, 'Photos');
    assert.equal(new URL(page.url()).pathname, '/photos/2');
    const width = await page.locator('#modal img').evaluate((img) => img.decode().then(() => img.naturalWidth));
    assert.ok(width > 0, 'the picture shows');
    await page.reload();
    await shows(page, 'Photo 2');
    assert.equal(await page.locator('#modal').count(), 0);
    await page.close();
  }
  await visit(cleo, '/photos/2', (page) => shows(page, 'Photo 2'));
});

await check('the form is answered, with scripts and without', async () => {
  for (const [visitor, name, words] of [
    [ada, `Ada ${run}`, 'Three plain words'],
    [await newVisitor({ javaScriptEnabled: false }), `Plain ${run}`, 'Two words'],
  ]) {
    await visit(visitor, '/contact', async (page) => {
      await page.getByLabel('Name').fill(name);
      await page.getByLabel('Message').fill(words);
      await page.getByRole('button', { name: 'Send' }).click();
      const count = words.split(' ').length;
      await page.getByText(`Thank you, ${name}. Your ${count} words have arrived.`).waitFor();
    });
    secrets.set(`name ${name}`, name);
    await visit(visitor, '/visit', async (page, response) => {
      assert.ok(!isHit(response), cacheStatus(response));
      await page.getByText(`Hello, ${name}, at ${new URL(base).host}.`).waitFor();
    });
  }
  await visit(ben, '/contact', async (page) => assert.equal(await page.locator('#result').count(), 0));
  await visit(ben, '/visit', (page) => page.getByText('Hello, stranger').waitFor());
});

await check('data for all is shared, data for one is not', async () => {
  const [first, second] = [await read(ada, '/api/me'), await read(ben, '/api/me')];
  assert.equal(first.name, `Ada ${run}`);
  assert.equal(second.name, null);
  secrets.set('data', first.secret);
  const [one, other] = [await read(ada, '/api/articles'), await read(ben, '/api/articles')];
  assert.equal(one.articles.length, 4);
  assert.deepEqual(other.articles, one.articles);
});

await check('the cookie of proxy.js is given to one visitor each', async () => {
  const given = [];
  const cookie = async (visitor) => (await visitor.cookies()).find(({ name }) => name === 'visitor')?.value;
  for (const visitor of [cleo, await newVisitor(), cleo, await newVisitor()]) {
    // What is fetched beside the page may bring a cookie too, before the page looks or after.
    const answers = [];
    const listen = (response) => answers.push(response.headerValue('set-cookie'));
    const before = await cookie(visitor);
    visitor.on('response', listen);
    await visit(visitor, '/welcome', async (page) => {
      await page.locator('#visitor', { hasText: /\w/ }).waitFor();
      const shown = await page.locator('#visitor').textContent();
      const own = await cookie(visitor);
      const told = [before, own, ...(await Promise.all(answers)).map((it) => /visitor=(\w+)/.exec(it)?.[1])];
      assert.ok(shown === 'nobody' || told.includes(shown), `${shown}, told ${told}`);
      if (own && visitor !== cleo) given.push(own);
      if (own) secrets.set(`visitor ${own}`, own);
    });
    visitor.off('response', listen);
  }
  assert.equal(new Set(given).size, given.length, `${given}`);
});

await check('what is not there is not found, each time', async () => {
  for (const visitor of [ada, ben, cleo]) {
    await visit(visitor, MISSING, async (page, response) => {
      assert.equal(response.status(), 404);
      await shows(page, 'There is no such page');
      if (visitor === cleo) assert.ok(isHit(response), cacheStatus(response));
    });
  }
});

await check('pages, scripts, styles and pictures are hits for the next visitor', async () => {
  const visitor = await newVisitor();
  const answers = [];
  visitor.on('response', (response) => answers.push(response));
  await visit(visitor, '/', () => standstill(() => answers.length));
  const kept = answers.filter((answer) => /^\/($|_next\/)/.test(new URL(answer.url()).pathname));
  const others = kept.filter((answer) => answer.request().headers().rsc === undefined && !isHit(answer));
  assert.deepEqual(others.map((answer) => `${answer.url()}: ${cacheStatus(answer)}`), []);
  assert.ok(kept.length > 4, `${kept.length} answers`);
  await visitor.close();
});

if (preset === 'nextjs') {
  await check('a draft is shown to who asked for it, as long as it is wanted', async () => {
    const visitor = await newVisitor();
    const slug = ARTICLE.split('/').at(-1);
    await visit(visitor, `/api/draft/enable?slug=${slug}`, async (page, response) => {
      assert.match(cacheStatus(response), /session-cookie/);
      await page.locator('#draft').waitFor();
      secrets.set('draft', await page.locator('#body').textContent());
      assert.match(secrets.get('draft'), /draft/);
      await isAlive(page);
      await page.getByRole('link', { name: 'Articles' }).click();
      await page.getByRole('link', { name: 'Label and date' }).click();
      await page.locator('#draft').waitFor();
    });
    await visit(ben, ARTICLE, async (page) => assert.equal(await page.locator('#draft').count(), 0));
    await visit(visitor, '/api/draft/disable', (page) => shows(page, 'Articles'));
    await visit(visitor, ARTICLE, async (page, response) => {
      assert.doesNotMatch(cacheStatus(response), /session-cookie/);
      assert.equal(await page.locator('#draft').count(), 0);
    });
  });
}

await check('what scripts asked for is a page for who opens it', async () => {
  const hit = payloads.filter((payload) => isHit(payload.response));
  const urls = [...new Set(hit.map(({ url }) => url))];
  assert.ok(urls.length > 10, `${urls.length} payloads were hits`);
  const paths = new Map(urls.map((url) => [new URL(url).pathname, url]));
  // As one who has it in the browser's own cache, and as one who has not.
  const visitors = [cleo, await newVisitor()];
  for (const [at, [path, url]] of [...paths].entries()) {
    await visit(visitors[at % 2], url.slice(base.length), async (page, response) => {
      assert.match(response.headers()['content-type'], /^text\/html/, path);
      await page.locator('h1').waitFor();
    });
  }
});

await check('what scripts ask for is never a page', async () => {
  for (const { url, response } of payloads) {
    assert.match(response.headers()['content-type'] ?? 'none', /^text\/x-component/, url);
  }
});

await check('nothing of one visitor reaches another', async () => {
  assert.ok(secrets.size >= (preset === 'nextjs' ? 4 : 3), 'an earlier check did not come far enough');
  const stranger = await newVisitor();
  for (const path of [...Object.keys(PAGES), ARTICLE, '/api/me', '/api/articles']) {
    for (const headers of [{}, { RSC: '1' }]) {
      const response = await stranger.request.get(base + path, { headers });
      const all = JSON.stringify(await response.headersArray()) + (await response.text());
      for (const [what, secret] of secrets) assert.ok(!all.includes(secret), `${path} shows another's ${what}`);
    }
  }
});

await check('no request failed and the console shows no error', async () => {
  assert.deepEqual(trouble, []);
});

await browser.close();
const hits = payloads.filter(({ response }) => isHit(response)).length;
console.log(`# ${passed} passed, ${failed} failed; ${hits} of ${payloads.length} payloads were hits`);
process.exit(failed === 0 ? 0 : 1);

/** Runs one check and prints its result; the next runs whatever came of it. */
async function check(title, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok  ${title}`);
  } catch (error) {
    failed += 1;
    const message = error.message.split(/\n(?:Call|Browser) log/i)[0].replace(/\x1b\[\d+m/g, '');
    console.log(`not ok  ${title}: ${message}`);
  }
}

/** A browser context whose troubles and payloads are collected. */
async function newVisitor(options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(STEP_LIMIT_MS);
  const isMissing = (url) => new URL(url).pathname === MISSING;
  context.on('console', (message) => {
    // Chromium does not always say of which: what was answered is looked at below.
    const isOfNone = !message.location().url && message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isOfNone && !isMissing(message.location().url || base)) {
      trouble.push(`console: ${message.text()}`);
    }
  });
  context.on('weberror', (error) => trouble.push(`script: ${error.error().message}`));
  context.on('response', async (response) => {
    const [request, url] = [response.request(), response.url()];
    if (response.status() >= 400 && !isMissing(url)) trouble.push(`${response.status()}: ${url}`);
    if (request.headers().rsc && response.status() === 200) payloads.push({ url, response });
  });
  context.on('requestfailed', (request) => {
    // Pages end what they asked for in advance when they are left, and what turns out dynamic.
    const why = request.failure()?.errorText;
    const isBlocked = options.javaScriptEnabled === false && why === 'csp';
    if (why !== 'net::ERR_ABORTED' && !isBlocked) trouble.push(`${why}: ${request.url()}`);
  });
  return context;
}

/**
 * Opens `path`, calls `look(page, response)` and leaves the page again: going where one already
 * is would count as a reload, which asks caches to step aside.
 */
async function visit(context, path, look) {
  const page = context.pages()[0] ?? (await context.newPage());
  try {
    return await look(page, await page.goto(base + path, { waitUntil: 'domcontentloaded' }));
  } finally {
    await page.goto('about:blank');
  }
}

/** Waits until the page shows its heading, as a page. */
async function shows(page, heading) {
  await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.contentType), 'text/html');
}

/** Waits until React has taken the page over. */
function isAlive(page) {
  const taken = () => Object.keys(document.querySelector('header')).some((key) => key.startsWith('__reactFiber'));
  return page.waitForFunction(taken);
}

/** Fetches JSON from a page of the site, as its scripts would. */
function read(context, path) {
  return visit(context, '/contact', (page) => page.evaluate(async (path) => (await fetch(path)).json(), path));
}
