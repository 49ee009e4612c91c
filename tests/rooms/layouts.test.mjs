// Where pictures stand, and what the mark on each says.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LAYOUTS, largeOf, place } from "../../conference/client/layouts.js";
import { markOf, ownMarkOf, ratesOf } from "../../conference/client/quality.js";

const KEYS = ["a/camera", "b/camera", "c/camera", "me/camera"];
/** @type {Parameters<typeof markOf>[0]} */
const fine = { stalled: false, busy: false, manner: "moving", step: "full", height: 720, asked: 720, loss: 0, kbps: 600, screen: false };

test("in the grid nobody is large but what was pinned, or a shared screen", () => {
  assert.equal(largeOf("grid", KEYS, null, "b/camera"), null);
  assert.equal(largeOf("grid", KEYS, "c/camera", "b/camera"), "c/camera");
  assert.equal(largeOf("grid", ["a/screen", ...KEYS], null, null), "a/screen");
});

test("who speaks is large where the layout follows that, and what was pinned stays", () => {
  for (const layout of /** @type {const} */ (["speaker", "command"])) {
    assert.equal(largeOf(layout, KEYS, null, "b/camera"), "b/camera");
    assert.equal(largeOf(layout, KEYS, null, "gone/camera"), "a/camera");
    assert.equal(largeOf(layout, KEYS, "c/camera", "b/camera"), "c/camera");
  }
});

test("in every layout and on every screen the pictures stand apart and inside", () => {
  for (const [width, height] of [[1896, 980], [1342, 640], [1256, 680], [784, 1130], [374, 620]]) {
    for (const layout of LAYOUTS) {
      for (let count = 1; count <= 16; count += 1) {
        const keys = Array.from({ length: count }, (_, index) => `p${index}/camera`);
        const places = [...place(layout, keys, largeOf(layout, keys, null, null), width, height).values()];
        assert.ok(places.length >= Math.min(count, 7));
        for (const one of places) {
          assert.ok(one.left >= 0 && one.top >= 0 && one.left + one.width <= width + 1 && one.top + one.height <= height + 1);
        }
        for (const [index, one] of places.entries()) {
          for (const other of places.slice(index + 1)) {
            const apart = one.left + one.width <= other.left || other.left + other.width <= one.left || one.top + one.height <= other.top || other.top + other.height <= one.top;
            assert.ok(apart);
          }
        }
      }
    }
  }
});

test("rates are what came between two looks; a new session counts from nought", () => {
  const before = { at: 1000, bytes: 10_000, lost: 4, received: 100 };
  assert.deepEqual(ratesOf(before, { at: 3000, bytes: 110_000, lost: 14, received: 190 }), { kbps: 400, loss: 0.1 });
  assert.equal(ratesOf(before, { at: 3000, bytes: 500, lost: 0, received: 3 }), null);
  assert.equal(ratesOf(undefined, before), null);
  assert.equal(ratesOf(before, { at: 3000, bytes: 10_000, lost: 2, received: 100 })?.loss, 0);
});

test("the mark says what is wrong, the worst first", () => {
  assert.deepEqual(markOf(fine), { grade: "good", words: null });
  assert.deepEqual(markOf({ ...fine, loss: 0.05 }), { grade: "fair", words: "room.quality.lossy" });
  assert.deepEqual(markOf({ ...fine, loss: 0.2 }), { grade: "weak", words: "room.quality.lossy" });
  assert.deepEqual(markOf({ ...fine, step: "smaller", height: 180 }), { grade: "fair", words: "room.quality.smaller" });
  assert.deepEqual(markOf({ ...fine, step: "smaller", height: 180, asked: 200 }), { grade: "good", words: null });
  assert.deepEqual(markOf({ ...fine, manner: "still", loss: 0.2 }), { grade: "weak", words: "room.quality.stills" });
  assert.deepEqual(markOf({ ...fine, stalled: true, manner: "still" }), { grade: "none", words: "room.quality.stopped" });
  assert.deepEqual(markOf({ ...fine, manner: "slow", step: "slower" }), { grade: "fair", words: "room.quality.slower" });
  assert.deepEqual(markOf({ ...fine, kbps: 0 }), { grade: "none", words: "room.quality.silent" });
  assert.deepEqual(markOf({ ...fine, kbps: 0, screen: true }), { grade: "good", words: null });
  assert.equal(ownMarkOf(0, true).words, "room.quality.resting");
  assert.equal(ownMarkOf(0, false).words, "room.quality.own");
  assert.equal(ownMarkOf(300, true).grade, "good");
});
