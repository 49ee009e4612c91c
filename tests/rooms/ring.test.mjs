// Which call a page shows, and when it is over; and that only a pressed "join" joins by itself.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Calls, passCall, takeCall } from "../../dashboard/assets/js/ring/calls.js";

/** @param {string} room @param {number} [since] */
const call = (room, since = 1) => ({ room, title: room, by: "", site: { zh: "中寨", en: "Zhongzhai" }, since, left_ms: 45_000, exercise: false });

test("each call is new once, and is over by the clock when the server's word is lost", () => {
  const calls = new Calls();
  assert.equal(calls.hear([call("a")], 0).length, 1);
  assert.equal(calls.hear([call("a"), call("b")], 1000).length, 1);
  assert.deepEqual(calls.ringing(2000).map(({ room }) => room), ["b", "a"]);
  assert.deepEqual(calls.ringing(60_000), []);
  assert.equal(calls.hear([call("a", 2)], 61_000).length, 1, "rung again, it is another call");
});

test("a call that was silenced here is silent until it is over, and loud when it comes again", () => {
  const calls = new Calls();
  calls.hear([call("a")], 0);
  calls.silence(call("a"));
  calls.hear([call("a")], 1000);
  assert.ok(calls.isSilenced(call("a")));
  calls.hear([], 2000);
  calls.hear([call("a", 5)], 3000);
  assert.ok(!calls.isSilenced(call("a", 5)));
});

test("a call that was answered here is over here, whatever the server still tells of it", () => {
  const calls = new Calls();
  calls.hear([call("a"), call("b")], 0);
  calls.end(call("a"));
  calls.hear([call("a"), call("b")], 1000);
  assert.deepEqual(calls.ringing(1000).map(({ room }) => room), ["b"]);
  calls.hear([], 2000);
  calls.hear([call("a", 7)], 3000);
  assert.equal(calls.ringing(3000).length, 1);
});

test("a room's page joins by itself only after join was pressed for it, once, and only now", () => {
  const stored = new Map();
  Object.assign(globalThis, { localStorage: { getItem: (/** @type {string} */ key) => stored.get(key) ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ value) => stored.set(key, value), removeItem: (/** @type {string} */ key) => stored.delete(key) } });
  assert.equal(takeCall("a"), false);
  passCall("a");
  assert.equal(takeCall("b"), false);
  assert.equal(takeCall("a"), true);
  assert.equal(takeCall("a"), false);
  stored.set("fenghuo.ring.taken", JSON.stringify({ room: "a", at: Date.now() - 60_000 }));
  assert.equal(takeCall("a"), false);
});

