// Visits the Astro site of `tests/sites/astro` through Larder with a real browser.
//
//   node site.mjs http://127.0.0.1:8080
//
// Each check prints `ok  name` or `not ok  name: why`; the exit code is 1 when any failed.
// CHROMIUM names the browser; it is never downloaded. Several browser contexts stand for
// several visitors: they share neither cookies nor the browser's own cache. Whether the site
// itself was asked is told by its counter of renders. A query that differs at each run makes a
// page new to the cache, so that the checks hold whatever was visited before.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const TIME_LIMIT_MS = 120_000;
const STEP_LIMIT_MS = 30_000;
const PAGES = ['/', '/articles/first-in-first-out', '/now', '/cookie', '/session', '/contact', '/greeting'];
const DATA = ['/api/news.json', '/api/private.json'];

if (process.argv.length !== 3 || !URL.canParse(process.argv[2])) {
  console.error('usage: node site.mjs http://127.0.0.1:8080');
  process.exit(2);
}
const base = new URL(process.argv[2]).origin;
const run = Math.random().toString(36).slice(2, 10);
const began = Date.now();
const results = { passed: 0, failed: 0 };
const trouble = [];

// The browser is ended with this process.
setTimeout(() => {
  report('all checks end in time', new Error(`still running after ${TIME_LIMIT_MS / 1000} s`));
  process.exit(1);
}, TIME_LIMIT_MS).unref();

const browser = await chromium
  .launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    timeout: 30_000,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  .catch((error) => {
    console.error(`the browser does not start (CHROMIUM names another one): ${plain(error)}`);
    process.exit(1);
  });

const ada = await newVisitor();
const ben = await newVisitor();
const name = { ada: `Ada ${run}`, ben: `Ben ${run}` };
// What only Ada may see; filled as she gets it.
const secrets = new Map([['name', name.ada]]);

let stylesheet, picture;

// Ada and Ben have sessions from some point on; Cleo and Dora never have one.
const [cleo, dora] = [await newVisitor(), await newVisitor()];

await check('home renders', async () => {
  await visit(ada, '/', async (page, response) => {
    assert.equal(response.status(), 200);
    assert.equal(await page.title(), 'Articles · The pantry');
    assert.equal(await page.locator('.cards li').count(), 4);
    stylesheet = await page.locator('link[rel=stylesheet]').getAttribute('href');
    picture = await page.locator('img').getAttribute('src');
  });
});

await check('the picture is decoded', async () => {
  await visit(ada, '/', async (page) => {
    const width = await page.locator('img').evaluate((img) => img.decode().then(() => img.naturalWidth));
    assert.ok(width > 0);
  });
});

await check('the stylesheet is applied', async () => {
  await visit(ada, '/', async (page) => {
    const display = await page.locator('header').evaluate((header) => getComputedStyle(header).display);
    assert.equal(display, 'flex');
  });
});

await check('every page opens by its link', async () => {
  await visit(ada, '/', async (page) => {
    for (const link of ['A cool, dark shelf', 'Articles', 'Greeting', 'Contact', 'Now', 'Session', 'Cookie']) {
      await page.getByRole('link', { name: link, exact: true }).first().click();
      await page.waitForFunction((title) => document.title === `${title} · The pantry`, link);
    }
  });
});

await check('the second visit of an article is a hit and not rendered again', async () => {
  const path = '/articles/first-in-first-out';
  const url = `${path}?run=${run}`;
  const first = await visit(cleo, url, (page, response) => seen(page, response));
  assert.ok(!first.hit, `the first visit was a hit: ${first.status}`);
  const renders = await rendersOf(path);
  const own = await visit(cleo, url, (page, response) => seen(page, response));
  assert.ok(own.hit, `the same visitor: ${own.status}`);
  const other = await visit(dora, url, (page, response) => seen(page, response));
  assert.ok(other.hit, `another visitor: ${other.status}`);
  assert.equal(await rendersOf(path), renders);
  assert.equal(other.rendered, first.rendered);
});

await check('hashed assets and pictures are hits for the next visitor', async () => {
  const fetched = new Map();
  const visitor = await newVisitor();
  visitor.on('response', (response) => fetched.set(response.url(), response));
  await visit(visitor, '/', async () => {
    for (const path of [stylesheet, picture]) {
      const response = fetched.get(new URL(path, base).href);
      assert.ok(response, `${path} was not fetched`);
      assert.ok(isHit(response), `${path}: ${cacheStatus(response)}`);
    }
    // It is one that Larder made, of the source that the site's own code would have read.
    const made = fetched.get(new URL(picture, base).href).headers();
    assert.match(made['content-type'], /^image\/(webp|avif)$/);
    assert.match(made.etag, /^"[0-9a-f]{32}-[0-9a-f]{16}(-[0-2])?"$/);
    assert.match(fetched.get(new URL(stylesheet, base).href).headers()['cache-control'], /immutable/);
  });
  await visitor.close();
});

await check('/now is rendered at each visit', async () => {
  const visits = [];
  for (const visitor of [ada, ada, ben]) {
    visits.push(
      await visit(visitor, '/now', async (page, response) => {
        assert.ok(!isHit(response), cacheStatus(response));
        return page.locator('#now').textContent();
      }),
    );
  }
  assert.equal(new Set(visits).size, 3, `times seen: ${visits}`);
});

await check('a page that sets a cookie is never shared', async () => {
  const visitors = [];
  for (const visitor of [ada, ben, ada, ben]) {
    visitors.push(
      await visit(visitor, '/cookie', async (page, response) => {
        assert.ok(!isHit(response), cacheStatus(response));
        return page.locator('#visitor').textContent();
      }),
    );
  }
  secrets.set('visitor', visitors[0]);
  assert.notEqual(visitors[0], visitors[1]);
  assert.deepEqual(visitors.slice(2), visitors.slice(0, 2));
});

await check('sessions are apart and count up', async () => {
  const visits = { ada: [], ben: [] };
  for (const [who, visitor] of [['ada', ada], ['ben', ben], ['ada', ada], ['ada', ada], ['ben', ben]]) {
    await visit(visitor, '/session', async (page, response) => {
      assert.ok(!isHit(response), cacheStatus(response));
      visits[who].push(Number(await page.locator('#visits').textContent()));
    });
  }
  secrets.set('session', (await ada.cookies()).find((cookie) => cookie.name === 'astro-session').value);
  // The check of links was Ada's first visit.
  assert.deepEqual(visits, { ada: [2, 3, 4], ben: [1, 2] });
});

await check('who has a session gets pages of his own', async () => {
  await visit(ada, `/articles/first-in-first-out?run=${run}`, async (page, response) => {
    assert.match(cacheStatus(response), /session-cookie/);
  });
});

await check('the form of /contact is answered', async () => {
  await visit(ada, '/contact', async (page) => {
    await page.getByLabel('Name').fill(name.ada);
    await page.getByLabel('Message').fill('Three plain words');
    await page.getByRole('button', { name: 'Send' }).click();
    const result = await page.locator('#result').textContent();
    assert.equal(result.trim(), `Thank you, ${name.ada}. Your 3 words have arrived.`);
  });
  await visit(ben, '/contact', async (page) => assert.equal(await page.locator('#result').count(), 0));
});

await check('the island shows each visitor’s name on a page that is a hit', async () => {
  for (const [visitor, own] of [[cleo, name.ada], [dora, name.ben]]) {
    await visit(visitor, '/greeting', async (page) => {
      await page.getByLabel('Your name').fill(own);
      await page.getByRole('button', { name: 'Tell' }).click();
      await page.locator('#greeting strong', { hasText: own }).waitFor();
    });
  }
  const url = `/greeting?run=${run}`;
  await visit(cleo, url, (page) => page.locator('#greeting').waitFor());
  const renders = await rendersOf('/greeting');
  const stranger = await newVisitor();
  for (const [visitor, own] of [[dora, name.ben], [cleo, name.ada], [stranger, 'stranger']]) {
    await visit(visitor, url, async (page, response) => {
      assert.ok(isHit(response), cacheStatus(response));
      assert.equal(await page.locator('#greeting strong').textContent(), own);
    });
  }
  await stranger.close();
  assert.equal(await rendersOf('/greeting'), renders);
});

await check('public data is shared', async () => {
  const path = `/api/news.json?run=${run}`;
  const [first, second] = [await read(cleo, path), await read(dora, path)];
  assert.equal(first.data.news.length, 4);
  assert.ok(second.hit, second.status);
  assert.deepEqual(second.data, first.data);
});

await check('private data is not shared', async () => {
  const [first, second] = [await read(ada, '/api/private.json'), await read(ben, '/api/private.json')];
  secrets.set('private data', first.data.secret);
  assert.ok(!first.hit && !second.hit, `${first.status}; ${second.status}`);
  assert.notEqual(second.data.secret, first.data.secret);
});

await check('events arrive as they are sent', async () => {
  await visit(ada, '/now', async (page) => {
    await page.locator('live-events[data-ready] button').click();
    await page.locator('live-events li').nth(2).waitFor();
    const after = await page.locator('live-events li').evaluateAll((items) => items.map((item) => Number(item.dataset.after)));
    assert.equal(after.length, 3);
    assert.ok(after[2] - after[0] > 300, `arrived after ${after.join(', ')} ms`);
  });
});

await check('nothing of one visitor reaches another', async () => {
  assert.equal(secrets.size, 4, 'an earlier check did not come far enough');
  const stranger = await newVisitor();
  const search = async (path, response, more = '') => {
    const all = [JSON.stringify(await response.headersArray()), await response.text(), more].join('\n');
    for (const [what, secret] of secrets) assert.ok(!all.includes(secret), `${path} shows another's ${what}`);
  };
  for (const path of PAGES) {
    await visit(stranger, path, async (page, response) => {
      if (path === '/greeting') await page.locator('#greeting').waitFor();
      await search(path, response, await page.content());
    });
  }
  for (const path of DATA) await search(path, await stranger.request.get(base + path));
  const cookies = (await stranger.cookies()).map(({ value }) => value);
  for (const [what, secret] of secrets) assert.ok(!cookies.includes(secret), `the cookie is another's ${what}`);
  await stranger.close();
});

await check('no request failed and the console shows no error', async () => {
  assert.deepEqual(trouble, []);
});

await browser.close();
const seconds = ((Date.now() - began) / 1000).toFixed(1);
console.log(`# ${results.passed} passed, ${results.failed} failed, ${seconds} s`);
process.exit(results.failed === 0 ? 0 : 1);

/** Runs one check and prints its result; the next runs whatever came of it. */
async function check(title, body) {
  await body().then(
    () => report(title),
    (error) => report(title, error),
  );
}

function report(title, error) {
  results[error ? 'failed' : 'passed'] += 1;
  console.log(error ? `not ok  ${title}: ${plain(error)}` : `ok  ${title}`);
}

/** The message on one line, without colours and without the browser's own log. */
function plain(error) {
  return error.message.split(/\n(?:Call|Browser) log/i)[0].replace(/\x1b\[\d+m/g, '').replace(/\s*\n\s*/g, ' ');
}

/** A browser context whose troubles are collected. */
async function newVisitor() {
  const context = await browser.newContext({ ignoreHTTPSErrors: base.startsWith('https:') });
  context.setDefaultTimeout(STEP_LIMIT_MS);
  context.on('console', (message) => {
    if (message.type() === 'error') trouble.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => trouble.push(`script: ${error.error().message}`));
  context.on('response', (response) => {
    if (response.status() >= 400) trouble.push(`${response.status()}: ${response.url()}`);
  });
  context.on('requestfailed', (request) => {
    // The page ends its stream of events itself.
    if (new URL(request.url()).pathname === '/api/events') return;
    trouble.push(`${request.failure()?.errorText}: ${request.url()}`);
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
    const response = await page.goto(base + path);
    return await look(page, response);
  } finally {
    await page.goto('about:blank');
  }
}

async function seen(page, response) {
  return {
    hit: isHit(response),
    status: cacheStatus(response),
    rendered: await page.locator('#rendered').textContent(),
  };
}

/** Fetches JSON from a page of the site, as its scripts would. */
function read(context, path) {
  return visit(context, '/contact', async (page) => {
    const { status, data } = await page.evaluate(async (path) => {
      const response = await fetch(path);
      return { status: response.headers.get('cache-status') ?? 'no Cache-Status', data: await response.json() };
    }, path);
    return { status, data, hit: saysHit(status) };
  });
}

async function rendersOf(path) {
  const response = await ada.request.get(`${base}/api/renders.json?path=${encodeURIComponent(path)}`);
  return (await response.json()).renders;
}

function cacheStatus(response) {
  return response.headers()['cache-status'] ?? 'no Cache-Status';
}

function isHit(response) {
  return saysHit(cacheStatus(response));
}

/** RFC 9211: the last member is the cache nearest to the browser. */
function saysHit(status) {
  const [cache, ...parameters] = status.split(',').at(-1).split(';').map((part) => part.trim());
  return cache === 'larder' && parameters.includes('hit');
}
