// Visits pages with a real browser and fresh eyes: at first to fill the cache, then to see that
// everything that makes them up comes from it. The site is called site.test whatever its address, as
// a real one keeps its name when it is started again.
//
//   node warm.mjs http://127.0.0.1:8080 fill|hits FILE /path… [-/path…]
//
// A path behind a dash is never kept: what is asked of it need not come from the cache. Nor need what
// scripts ask for ahead and did not ask for while the cache was filled: how far ahead they ask is a
// matter of how busy the machine is. FILE keeps what was answered then. Prints `ok  path` or
// `not ok  path: why`; the exit code is 1 when any failed. CHROMIUM names the browser; it is never
// downloaded.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { cacheStatus, isHit, open, standstill } from './browser.mjs';

const [address, wanted, file, ...told] = process.argv.slice(2);
const paths = told.filter((path) => path.startsWith('/'));
if (!URL.canParse(address) || !['fill', 'hits'].includes(wanted) || paths.length === 0) {
  console.error('usage: node warm.mjs http://127.0.0.1:8080 fill|hits FILE /path… [-/path…]');
  process.exit(2);
}
// Icons are validated each time: while the site is away, what is stored stands in for them.
const never = ['/favicon.ico', '/favicon.svg', ...told.filter((path) => path.startsWith('-')).map((path) => path.slice(1))];
// The URLs of payloads differ where their fields do.
const filled = new Set(wanted === 'hits' ? JSON.parse(readFileSync(file, 'utf8')) : []);

const browser = await open(`--host-resolver-rules=MAP site.test:80 ${new URL(address).host}`);
let failed = 0;
for (const path of paths) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const answers = [];
    page.on('response', (response) => answers.push(response));
    await page.goto(`http://site.test${path}`, { waitUntil: 'load' });
    await standstill(() => answers.length);
    if (wanted === 'hits') {
      const counted = answers.filter((answer) => mayBeHit(answer) && (filled.has(answer.url()) || !isAhead(answer)));
      const others = counted.filter((answer) => !isHit(answer));
      assert.deepEqual(others.map((answer) => `${answer.url()}: ${cacheStatus(answer)}`), []);
      assert.ok(counted.length > 1, 'a page and what belongs to it');
    } else {
      for (const answer of answers) filled.add(answer.url());
    }
    const display = await page.locator('header').evaluate((header) => getComputedStyle(header).display);
    assert.equal(display, 'flex', 'the stylesheet is applied');
    console.log(`ok  ${path} (${answers.length} answers)`);
  } catch (error) {
    failed += 1;
    console.log(`not ok  ${path}: ${error.message}`);
  }
  await context.close();
}
await browser.close();
if (wanted === 'fill') writeFileSync(file, JSON.stringify([...filled]));
process.exit(failed === 0 ? 0 : 1);

function mayBeHit(answer) {
  return !never.includes(new URL(answer.url()).pathname);
}

/** Whether it was asked for ahead, for a page that may be opened next. */
function isAhead(answer) {
  return answer.request().headers()['next-router-prefetch'] !== undefined;
}
