// When a link counts as dead, with the clock moved by hand.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Pulse } from "../../conference/client/pulse.js";

const LOOK_MS = 500;
const DEAD_WITHIN_MS = 3000;

let now = 0;
/** What the browser says has come. @type {number | undefined} */
let bytes = 0;
/** @type {boolean[]} */
let turned = [];
/** @type {Pulse} */
let pulse;

beforeEach(() => {
  now = 0;
  bytes = 100;
  turned = [];
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(performance, "now", () => now);
  const getStats = async () => new Map([["pair", { type: "candidate-pair", bytesReceived: bytes }], ["other", { type: "transport", bytesReceived: now }]]);
  pulse = new Pulse(/** @type {RTCPeerConnection} */ (/** @type {unknown} */ ({ getStats })), (silent) => turned.push(silent));
});

afterEach(() => {
  pulse.stop();
  mock.timers.reset();
  mock.restoreAll();
});

/** @param {number} ms @param {number} each how much comes in every half second */
async function pass(ms, each = 0) {
  for (let gone = 0; gone < ms; gone += LOOK_MS) {
    now += LOOK_MS;
    if (bytes !== undefined) bytes += each;
    mock.timers.tick(LOOK_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a link over which something comes lives, and one over which nothing comes is dead within three seconds", async () => {
  pulse.start();
  await pass(60_000, 40);
  assert.deepEqual(turned, []);
  await pass(DEAD_WITHIN_MS - LOOK_MS);
  assert.deepEqual(turned, [true]);
  await pass(LOOK_MS, 40);
  assert.deepEqual(turned, [true, false]);
});

test("the longest gap that a bad line makes is no death", async () => {
  pulse.start();
  await pass(1000, 40);
  for (let lost = 0; lost < 10; lost += 1) {
    await pass(2000);
    await pass(LOOK_MS, 40);
  }
  assert.deepEqual(turned, []);
});

test("a tablet that slept for an hour has not listened, and does not call that silence", async () => {
  pulse.start();
  await pass(1000, 40);
  now += 3_600_000;
  await pass(1000);
  assert.deepEqual(turned, []);
});

test("a browser that does not say what came is left to its own word", async () => {
  bytes = undefined;
  pulse.start();
  await pass(30_000);
  assert.deepEqual(turned, []);
});

test("who is stopped says nothing any more, and who begins anew begins at nothing", async () => {
  pulse.start();
  await pass(2000);
  pulse.start();
  await pass(2000);
  assert.deepEqual(turned, []);
  pulse.stop();
  await pass(10_000);
  assert.deepEqual(turned, []);
});
