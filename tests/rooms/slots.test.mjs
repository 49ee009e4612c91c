// Which picture stands in which slot, and tiles that fit.

import assert from "node:assert/strict";
import { test } from "node:test";

import { assign, fit, fitBest } from "../../conference/client/slots.js";

/**
 * @param {string} participant
 * @param {"camera" | "screen"} [kind]
 */
const picture = (participant, kind = "camera") => ({ participant, kind });

test("a picture that has a slot keeps it when others come and go", () => {
  const first = assign(new Map(), [picture("a"), picture("b"), picture("c")], 3);
  assert.deepEqual([...first], [["a/camera", "v0"], ["b/camera", "v1"], ["c/camera", "v2"]]);
  const second = assign(first, [picture("d", "screen"), picture("c"), picture("b")], 3);
  assert.deepEqual(Object.fromEntries(second), { "d/screen": "v0", "b/camera": "v1", "c/camera": "v2" });
});

test("the most important pictures get the slots that there are", () => {
  const given = assign(new Map([["c/camera", "v0"]]), [picture("a", "screen"), picture("b"), picture("c")], 2);
  assert.deepEqual([...given.keys()].sort(), ["a/screen", "b/camera"]);
  assert.deepEqual([...new Set(given.values())].length, 2);
});

test("one to nine tiles fit into any area without overlap or scrolling", () => {
  for (const [width, height] of [[1888, 960], [1334, 650], [780, 1080], [374, 660], [300, 900]]) {
    for (let count = 1; count <= 9; count += 1) {
      for (const ratio of [16 / 9, 4 / 3]) {
        const grid = fit(count, width, height, 8, ratio);
        assert.ok(grid.columns * grid.rows >= count);
        assert.ok(grid.columns * grid.width + (grid.columns - 1) * 8 <= width);
        assert.ok(grid.rows * grid.height + (grid.rows - 1) * 8 <= height);
        assert.ok(grid.width > 0);
      }
    }
  }
});

test("the shape that makes larger tiles is taken", () => {
  assert.ok(fitBest(3, 780, 1080, 8, [16 / 9, 4 / 3]).width > fit(3, 780, 1080, 8, 4 / 3).width);
});
