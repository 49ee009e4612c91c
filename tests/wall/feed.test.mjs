// The page's side of the feed, without a page: gaps, repeats, resumption, silence. Time is moved by hand.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed } from "../../dashboard/assets/js/feed.js";

/** A Socket.IO client that does what the test says. */
class Wire {
  connected = false;
  /** @type {Record<string, (...args: any[]) => void>} */
  handlers = {};
  /** @type {{payload: any, answer: (error: Error | null, reply: any) => void}[]} */
  asked = [];
  connects = 0;

  /** @param {string} event @param {(...args: any[]) => void} handler */
  on(event, handler) {
    this.handlers[event] = handler;
  }

  timeout() {
    return { emit: (/** @type {string} */ _event, /** @type {any} */ payload, /** @type {any} */ answer) => this.asked.push({ payload, answer }) };
  }

  connect() {
    this.connects += 1;
  }

  disconnect() {
    this.connected = false;
  }

  /** @param {string} event @param {any[]} args */
  say(event, ...args) {
    if (event === "connect") this.connected = true;
    this.handlers[event]?.(...args);
  }
}

function begin() {
  const wire = new Wire();
  let clock = 0;
  /** @type {any[]} */
  const seen = [];
  const feed = new Feed(wire, ["incidents", "readings"], {
    snapshot: (topics) => seen.push(["snapshot", Object.keys(topics)]),
    event: (event) => seen.push(["event", event.id]),
    tick: (tick) => seen.push(["tick", tick.now]),
    link: (live) => seen.push(["link", live]),
    refused: (code) => seen.push(["refused", code]),
  }, () => clock);
  const pass = (/** @type {number} */ ms) => {
    for (let left = ms; left > 0; left -= 250) {
      clock += Math.min(250, left);
      feed.check();
    }
  };
  const answer = (/** @type {any} */ reply) => wire.asked.at(-1)?.answer(null, reply);
  return { wire, feed, seen, pass, answer };
}

const event = (/** @type {number} */ id) => ({ id });

test("a page starts with a snapshot and is live", () => {
  const { wire, seen, answer } = begin();
  wire.say("connect");
  assert.deepEqual(wire.asked[0]?.payload, { topics: ["incidents", "readings"], after: null });
  answer({ now: 5000, cursor: 7, snapshot: { incidents: {} }, missed: [] });
  assert.deepEqual(seen, [["snapshot", ["incidents"]], ["link", true]]);
});

test("after a break the page asks by its last id and applies each missed event once", () => {
  const { wire, seen, answer } = begin();
  wire.say("connect");
  answer({ now: 0, cursor: 7, snapshot: {}, missed: [] });
  wire.say("journal", { now: 0, prev: 7, events: [event(9)] });
  wire.say("disconnect");
  wire.say("connect");
  assert.equal(wire.asked.at(-1)?.payload.after, 9);
  wire.say("journal", { now: 0, prev: 12, events: [event(14)] });
  answer({ now: 0, cursor: 12, snapshot: null, missed: [event(9), event(11), event(12)] });
  assert.deepEqual(seen.filter(([kind]) => kind === "event").map(([, id]) => id), [9, 11, 12, 14]);
});

test("a gap makes the page ask again", () => {
  const { wire, feed, seen, answer } = begin();
  wire.say("connect");
  answer({ now: 0, cursor: 7, snapshot: {}, missed: [] });
  wire.say("journal", { now: 0, prev: 8, events: [event(9)] });
  assert.equal(feed.counts.gaps, 1);
  assert.equal(wire.asked.at(-1)?.payload.after, 7);
  answer({ now: 0, cursor: 9, snapshot: null, missed: [event(8), event(9)] });
  assert.deepEqual(seen.filter(([kind]) => kind === "event").map(([, id]) => id), [8, 9]);
});

test("silence is noticed within four seconds and ends with the next tick", () => {
  const { wire, seen, pass, answer } = begin();
  wire.say("connect");
  answer({ now: 0, cursor: 1, snapshot: {}, missed: [] });
  pass(3500);
  assert.deepEqual(seen.at(-1), ["link", true]);
  pass(500);
  assert.deepEqual(seen.at(-1), ["link", false]);
  wire.say("tick", { now: 4000, readings: {} });
  assert.deepEqual(seen.at(-1), ["link", true]);
});

test("a connection that says nothing is thrown away and built anew", () => {
  const { wire, feed, pass, answer } = begin();
  wire.say("connect");
  answer({ now: 0, cursor: 1, snapshot: {}, missed: [] });
  pass(10_500);
  assert.equal(feed.counts.dead, 1);
  assert.equal(wire.connects, 1);
});

test("an unanswered or refused subscription is tried again", () => {
  const { wire, seen, pass } = begin();
  wire.say("connect");
  wire.asked[0]?.answer(new Error("timeout"), undefined);
  pass(2250);
  assert.equal(wire.asked.length, 2);
  wire.asked[1]?.answer(null, { error: { code: "unauthenticated" } });
  assert.deepEqual(seen.at(-1), ["refused", "unauthenticated"]);
});

test("the clock is the server's and runs on while it is away", () => {
  const { wire, feed, pass, answer } = begin();
  assert.equal(feed.now(), null);
  wire.say("connect");
  answer({ now: 1_000_000, cursor: 1, snapshot: {}, missed: [] });
  pass(5000);
  assert.equal(feed.now(), 1_005_000);
});
