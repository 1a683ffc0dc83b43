// Plays a long sound with a real browser and jumps about in it, as people do with video: the player
// asks for ranges.
//
//   node player.mjs http://127.0.0.1:8080
//
// Prints `ok  what` or `not ok  what: why`; the exit code is 1 when any failed. CHROMIUM names the
// browser; it is never downloaded.

import assert from 'node:assert/strict';
import { open } from './browser.mjs';

const [address] = process.argv.slice(2);
if (!URL.canParse(address)) {
  console.error('usage: node player.mjs http://127.0.0.1:8080');
  process.exit(2);
}

const browser = await open('--autoplay-policy=no-user-gesture-required');
let failed = 0;
const page = await browser.newPage();
const answers = [];
page.on('response', (response) => answers.push(response));

async function check(what, body) {
  try {
    await body();
    console.log(`ok  ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok  ${what}: ${error.message}`);
  }
}

/// Jumps to a second and plays from there for a moment.
async function playFrom(second) {
  return page.evaluate(async (second) => {
    const sound = document.querySelector('audio');
    const happens = (name) =>
      new Promise((resolve, reject) => {
        sound.addEventListener(name, resolve, { once: true });
        sound.addEventListener('error', () => reject(new Error(sound.error.message)), { once: true });
      });
    const seeked = happens('seeked');
    sound.currentTime = second;
    await seeked;
    await sound.play();
    while (sound.currentTime < second + 0.2) await happens('timeupdate');
    sound.pause();
    return sound.currentTime;
  }, second);
}

await check('the player knows how long it is', async () => {
  await page.goto(`${address}/player`, { waitUntil: 'load' });
  const duration = await page.waitForFunction(() => {
    const { duration } = document.querySelector('audio');
    return duration > 0 ? duration : null;
  });
  assert.equal(Math.round(await duration.jsonValue()), 200);
});
for (const second of [190, 100, 1]) {
  await check(`it plays from second ${second}`, async () => {
    const at = await playFrom(second);
    assert.ok(at >= second + 0.2 && at < second + 5, `it is at ${at}`);
  });
}
await check('it asks for ranges', async () => {
  const parts = answers.filter((answer) => answer.status() === 206);
  assert.ok(parts.length > 1, `${parts.length} answers were parts`);
});
await browser.close();
process.exit(failed === 0 ? 0 : 1);
