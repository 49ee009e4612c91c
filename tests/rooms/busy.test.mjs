// A computer that is too busy is told from a line that is too narrow, and decodes fewer pictures first.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Busy } from "../../conference/client/busy.js";
import { markOf } from "../../conference/client/quality.js";

const LOOK_MS = 2000;

/** Looks one after the other: frames decoded and dropped and seconds of decoding in each. */
class Page {
  constructor() {
    this.busy = new Busy();
    this.sums = { slot: "v0", framesDecoded: 0, framesDropped: 0, decodeSeconds: 0 };
    this.at = 0;
  }

  /** @param {number} times @param {{decoded?: number, dropped?: number, frame?: number, late?: number, limited?: boolean, pictures?: number}} [of] */
  look(times, { decoded = 40, dropped = 0, frame = 0.004, late = 0, limited = false, pictures = 9 } = {}) {
    for (let index = 0; index < times; index += 1) {
      this.at += LOOK_MS;
      this.sums = { slot: "v0", framesDecoded: this.sums.framesDecoded + decoded, framesDropped: this.sums.framesDropped + dropped, decodeSeconds: this.sums.decodeSeconds + decoded * frame };
      this.busy.take({ at: this.at, late, limited, slots: [this.sums], pictures });
    }
    return [this.busy.busy, this.busy.limit];
  }
}

for (const [what, sign] of /** @type {[string, object][]} */ ([
  ["frames that take long to decode", { frame: 0.08 }],
  ["frames that are dropped", { dropped: 30 }],
  ["an encoder that the processor limits", { limited: true }],
  ["timers that come late", { late: 1500 }],
])) {
  test(`${what} are the computer's, and half of the pictures is decoded`, () => {
    const page = new Page();
    assert.deepEqual(page.look(3), [false, null]);
    assert.deepEqual(page.look(1, sign), [false, null]);
    assert.deepEqual(page.look(1, sign), [true, 5]);
    assert.deepEqual(page.look(4, sign), [true, 3]);
    assert.deepEqual(page.look(8, sign), [true, 2]);
  });
}

test("a moment's stall says nothing", () => {
  const page = new Page();
  for (let round = 0; round < 5; round += 1) {
    page.look(1, { late: 3000 });
    assert.deepEqual(page.look(1), [false, null]);
  }
});

test("a narrow line, on which few frames come, is no busy computer", () => {
  const page = new Page();
  assert.deepEqual(page.look(20, { decoded: 3, frame: 0.02 }), [false, null]);
});

test("more pictures come back step by step when it is calm", () => {
  const page = new Page();
  page.look(7, { frame: 0.08 });
  assert.deepEqual(page.look(5), [true, 6]);
  assert.deepEqual(page.look(5), [false, null]);
});

test("a picture that rests for it says so", () => {
  const picture = { stalled: true, manner: /** @type {const} */ ("moving"), step: "full", height: 0, asked: 0, loss: 0, kbps: 0, screen: false };
  assert.equal(markOf({ ...picture, busy: true }).words, "room.quality.busy");
  assert.equal(markOf({ ...picture, busy: false }).words, "room.quality.stopped");
});
