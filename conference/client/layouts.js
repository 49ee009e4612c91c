/** Where each picture stands: pure functions from an area and the wish of the person to rectangles, no browser needed. */

import { fitBest } from "./slots.js";

/** `grid`: all alike. `speaker`: who speaks is large. `command`: for the big screen of a command room. @typedef {"grid" | "speaker" | "command"} Layout */
/** @typedef {{left: number, top: number, width: number, height: number}} Rectangle */

/** @type {Layout[]} */
export const LAYOUTS = ["grid", "speaker", "command"];
/** As cameras give it; or cut at the sides, where that makes larger tiles. */
const RATIOS = [16 / 9, 4 / 3];
const GAP_PX = 8;
/** The strip beside one large picture, as a share of the area, and how many fit into it. */
const STRIP = { grid: 0.22, speaker: 0.22, command: 0.18 };
const STRIP_MAX = 6;

/**
 * Which picture is large, if any: what was pinned, else a shared screen, else who speaks where the layout follows that.
 * @param {Layout} layout
 * @param {string[]} keys all pictures, the most important first
 * @param {string | null} pinned
 * @param {string | null} speaking who spoke last
 * @returns {string | null}
 */
export function largeOf(layout, keys, pinned, speaking) {
  if (keys.length < 2) return null;
  if (pinned !== null && keys.includes(pinned)) return pinned;
  const screen = keys.find((key) => key.endsWith("/screen"));
  if (screen !== undefined || layout === "grid") return screen ?? null;
  return speaking !== null && keys.includes(speaking) ? speaking : keys[0];
}

/**
 * Place them all without overlap or scrolling; a picture for which there is no place is left out.
 * @param {Layout} layout
 * @param {string[]} keys the most important first
 * @param {string | null} large
 * @param {number} width
 * @param {number} height
 * @returns {Map<string, Rectangle>}
 */
export function place(layout, keys, large, width, height) {
  if (large === null) return grid(keys, 0, 0, width, height);
  const rest = keys.filter((key) => key !== large).slice(0, STRIP_MAX);
  const beside = width >= height;
  const most = Math.round((beside ? width : height) * STRIP[layout]);
  const { columns, rows, ...tile } = fitBest(rest.length, beside ? most : width, beside ? height : most, GAP_PX, RATIOS);
  // Not wider than its tiles fill it: the large picture gets what is left.
  const strip = beside ? columns * (tile.width + GAP_PX) - GAP_PX : rows * (tile.height + GAP_PX) - GAP_PX;
  /** @type {Rectangle} */
  const main = beside ? { left: 0, top: 0, width: width - strip - GAP_PX, height } : { left: 0, top: 0, width, height: height - strip - GAP_PX };
  const others = beside ? grid(rest, width - strip, 0, strip, height) : grid(rest, 0, height - strip, width, strip);
  return new Map([[large, main], ...others]);
}

/** @param {string[]} keys @param {number} left @param {number} top @param {number} width @param {number} height @returns {Map<string, Rectangle>} */
function grid(keys, left, top, width, height) {
  const { columns, rows, ...tile } = fitBest(keys.length, width, height, GAP_PX, RATIOS);
  const above = Math.max(0, (height - rows * tile.height - (rows - 1) * GAP_PX) / 2);
  return new Map(
    keys.map((key, index) => {
      const row = Math.floor(index / columns);
      const inRow = Math.min(columns, keys.length - row * columns);
      const before = (width - inRow * tile.width - (inRow - 1) * GAP_PX) / 2;
      const column = index - row * columns;
      return [key, { left: left + before + column * (tile.width + GAP_PX), top: top + above + row * (tile.height + GAP_PX), ...tile }];
    }),
  );
}
