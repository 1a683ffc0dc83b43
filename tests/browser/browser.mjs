// What the scripts of visits share: a real browser, and an end in time. CHROMIUM names the browser;
// it is never downloaded.

import { chromium } from 'playwright-core';

const TIME_LIMIT_MS = 120_000;

/** Opens a browser with further flags. The process ends with an error when it takes too long. */
export function open(...flags) {
  setTimeout(() => {
    console.log('not ok  all: still running');
    process.exit(1);
  }, TIME_LIMIT_MS).unref();
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', ...flags],
  });
}

/** What the caches say of an answer. */
export function cacheStatus(answer) {
  return answer.headers()['cache-status'] ?? 'no Cache-Status';
}

/** Whether Larder had it. */
export function isHit(answer) {
  return cacheStatus(answer).includes('larder; hit');
}

/**
 * Waits until a count stands still for half a second, or for so many times 50 ms: scripts ask for more
 * when a page is there. To take a pause for a standstill makes what follows easier to pass, never wrong.
 */
export async function standstill(count, times = 10) {
  for (let [last, same] = [count(), 0]; same < times; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    same = last === count() ? same + 1 : 0;
    last = count();
  }
}
