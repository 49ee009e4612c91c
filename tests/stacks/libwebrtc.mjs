// libwebrtc without a browser (@roamhq/wrtc), spoken to by the client library of others (whip-whep): `node libwebrtc.mjs publish|watch <address> <token>`.
// It says what it receives once a second as a JSON line, and leaves when its input ends.

import { createRequire } from "node:module";

// A CommonJS package; taken by `require` it needs no guess about its names.
const wrtc = createRequire(import.meta.url)("@roamhq/wrtc");
Object.assign(globalThis, { RTCPeerConnection: wrtc.RTCPeerConnection, MediaStream: wrtc.MediaStream });
const { WHIPClient } = await import("whip-whep/whip.js");
const { WHEPClient } = await import("whip-whep/whep.js");

const WIDTH = 320;
const HEIGHT = 180;
const RATE = 48_000;

const [manner, address, token] = process.argv.slice(2);
const peer = new wrtc.RTCPeerConnection({ bundlePolicy: "max-bundle" });
const seen = { state: "new", frames: 0, samples: 0, height: 0 };
/** @type {(() => void)[]} */
const ends = [];

function publish() {
  const pictures = new wrtc.nonstandard.RTCVideoSource();
  const sound = new wrtc.nonstandard.RTCAudioSource();
  peer.addTransceiver(sound.createTrack(), { direction: "sendonly" });
  peer.addTransceiver(pictures.createTrack(), { direction: "sendonly" });
  let number = 0;
  const frame = new Uint8ClampedArray((WIDTH * HEIGHT * 3) / 2).fill(128);
  const camera = setInterval(() => {
    number += 1;
    for (let at = 0; at < WIDTH * HEIGHT; at += 1) frame[at] = (at + number * 5) & 0xff;
    pictures.onFrame({ width: WIDTH, height: HEIGHT, data: frame });
  }, 100);
  let phase = 0;
  const microphone = setInterval(() => {
    const samples = new Int16Array(RATE / 100);
    for (let at = 0; at < samples.length; at += 1) samples[at] = 8000 * Math.sin((phase++ * 2 * Math.PI * 440) / RATE);
    sound.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: samples.length });
  }, 10);
  ends.push(() => [camera, microphone].forEach(clearInterval));
  return new WHIPClient().publish(peer, address, token);
}

function watch() {
  for (const kind of ["audio", "video"]) peer.addTransceiver(kind, { direction: "recvonly" });
  peer.ontrack = ({ track }) => {
    if (track.kind === "video") {
      const sink = new wrtc.nonstandard.RTCVideoSink(track);
      sink.onframe = ({ frame }) => {
        seen.frames += 1;
        seen.height = frame.height;
      };
      ends.push(() => sink.stop());
    } else {
      const sink = new wrtc.nonstandard.RTCAudioSink(track);
      sink.ondata = ({ samples }) => {
        if (samples.some((/** @type {number} */ one) => Math.abs(one) > 500)) seen.samples += samples.length;
      };
      ends.push(() => sink.stop());
    }
  };
  return new WHEPClient().view(peer, address, token);
}

await (manner === "publish" ? publish() : watch());
const telling = setInterval(() => process.stdout.write(`${JSON.stringify({ ...seen, state: peer.connectionState })}\n`), 1000);
process.stdin.resume();
process.stdin.on("end", () => {
  clearInterval(telling);
  for (const end of ends) end();
  peer.close();
  process.exit(0);
});
