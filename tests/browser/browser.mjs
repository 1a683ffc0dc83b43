// What the scripts of visits share: a real browser, and an end in time. CHROMIUM names the browser;
// it is never downloaded.

import { chromium } from 'playwright-core';

const TIME_LIMIT_MS = 60_000;

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
