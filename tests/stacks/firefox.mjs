// A Firefox in a consultation, driven by WebDriver BiDi: `node firefox.mjs <path of Firefox> <join link> <address of the room>`.
// It says what it decodes once a second as a JSON line, and leaves when its input ends.

import puppeteer from "puppeteer-core";

const [path, link, room] = process.argv.slice(2);
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: path,
  headless: true,
  extraPrefsFirefox: {
    "media.navigator.streams.fake": true,
    "media.navigator.permission.disabled": true,
    "media.peerconnection.ice.loopback": true,
    "media.autoplay.default": 0,
  },
});
const page = await browser.newPage();
await page.goto(link);
// The join link is exchanged, and the page loaded anew without it.
const ready = (/** @type {string} */ address) => location.href === address && document.querySelector('[data-action="join"]:not([disabled])') !== null;
while (!(await page.evaluate(ready, room).catch(() => false))) await new Promise((go) => setTimeout(go, 200));
await page.click('[data-action="join"]');
const telling = setInterval(async () => {
  const told = await page.evaluate(async () => ({ link: document.querySelector("#link")?.dataset.link, ...(await window.fenghuo.room.stats()) })).catch(() => null);
  if (told !== null) process.stdout.write(`${JSON.stringify(told)}\n`);
}, 1000);
process.stdin.resume();
process.stdin.on("end", async () => {
  clearInterval(telling);
  await page.click('[data-action="leave"]').catch(() => undefined);
  await new Promise((go) => setTimeout(go, 500));
  await browser.close();
});
