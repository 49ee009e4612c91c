// Many sites in a consultation without a browser: the page's own protocol module on libwebrtc (@roamhq/wrtc), each site with a voice.
// `node sites.mjs <address of the platform> <room> <join link>...`. It says once a second how many links stand, as a JSON line, and leaves when its input ends.

import { createRequire, register } from "node:module";

// What the page gets from the server under this address, Node gets from the package.
const hook = `export const resolve = (name, context, next) => next(name.startsWith("/assets/vendor/socket.io-client/") ? ${JSON.stringify(new URL("./dialling.mjs", import.meta.url).href)} : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const RATE = 48_000;
const LEAVING_MS = 500;

const [address = "", room = "", ...links] = process.argv.slice(2);
const wrtc = createRequire(import.meta.url)("@roamhq/wrtc");
Object.assign(globalThis, wrtc);
const { dialAs } = await import("./dialling.mjs");
const { RoomClient } = await import("../../conference/client/protocol.js");

/** A microphone that hums. */
function voice() {
  const source = new wrtc.nonstandard.RTCAudioSource();
  let phase = 0;
  setInterval(() => {
    const samples = new Int16Array(RATE / 100);
    for (let at = 0; at < samples.length; at += 1) samples[at] = 4000 * Math.sin((phase++ * 2 * Math.PI * 300) / RATE);
    source.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: samples.length });
  }, 10);
  return source.createTrack();
}

const nothing = () => undefined;
const microphone = voice();
const sites = [];
for (const link of links) {
  const answer = await fetch(`${address}/api/v1/links/redeem`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin" },
    body: JSON.stringify({ link: new URL(link).searchParams.get("link") }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  dialAs(address, answer.headers.getSetCookie().map((one) => one.split(";")[0]).join("; "));
  const site = { state: "connecting", tries: 0, reason: "" };
  const client = new RoomClient(room, {
    link: (state, tries, reason) => Object.assign(site, { state, tries, reason }),
    lobby: nothing,
    welcome: nothing,
    roster: nothing,
    track: nothing,
    shown: nothing,
    speakers: nothing,
    line: nothing,
    muted: nothing,
    asked: nothing,
    waiting: nothing,
    said: nothing,
    minuted: nothing,
  });
  client.join({ audio: microphone.clone?.() ?? microphone, camera: null, muted: false });
  sites.push({ site, client });
}
setInterval(() => process.stdout.write(`${JSON.stringify({ live: sites.filter(({ site }) => site.state === "live").length, sites: sites.map(({ site }) => site) })}\n`), 1000);
process.stdin.resume();
process.stdin.on("end", () => {
  for (const { client } of sites) client.leave();
  setTimeout(() => process.exit(0), LEAVING_MS);
});
