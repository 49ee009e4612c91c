/** Which picture stands in which receiving slot: pure functions, no browser needed. */

/** @typedef {"camera" | "screen"} PictureKind */
/** @typedef {{participant: string, kind: PictureKind}} Picture */

/**
 * The name of a picture: one participant can send two.
 * @param {Picture} picture
 * @returns {string}
 */
export function keyOf(picture) {
  return `${picture.participant}/${picture.kind}`;
}

/**
 * Give each wanted picture a slot. A picture that has one keeps it, since a change costs a key frame; the most important pictures come first
 * in `wanted`, and those for which no slot is left get none.
 * @param {Map<string, string>} previous picture key → slot
 * @param {Picture[]} wanted
 * @param {number} count how many video slots there are
 * @returns {Map<string, string>} picture key → slot ("v0"…)
 */
export function assign(previous, wanted, count) {
  const keys = wanted.slice(0, count).map(keyOf);
  /** @type {Map<string, string>} */
  const next = new Map();
  const free = new Set(Array.from({ length: count }, (_, index) => `v${index}`));
  for (const key of keys) {
    const slot = previous.get(key);
    if (slot !== undefined && free.delete(slot)) next.set(key, slot);
  }
  for (const key of keys) {
    if (next.has(key)) continue;
    const slot = /** @type {string} */ (free.values().next().value);
    free.delete(slot);
    next.set(key, slot);
  }
  return next;
}

/**
 * The largest equal tiles of the given shape that fit without scrolling.
 * @param {number} count tiles
 * @param {number} width of the whole area
 * @param {number} height of the whole area
 * @param {number} gap between tiles
 * @param {number} ratio width by height of a tile
 * @returns {{columns: number, rows: number, width: number, height: number}} sizes in the unit of the area, whole numbers
 */
export function fit(count, width, height, gap, ratio) {
  let best = { columns: 1, rows: Math.max(1, count), width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.max(1, Math.ceil(count / columns));
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const tileWidth = Math.min(cellWidth, cellHeight * ratio);
    if (tileWidth > best.width) {
      best = { columns, rows, width: Math.floor(tileWidth), height: Math.floor(tileWidth / ratio) };
    }
  }
  return best;
}

/**
 * As `fit`, with that one of the given shapes whose tiles are largest.
 * @param {number} count tiles
 * @param {number} width of the whole area
 * @param {number} height of the whole area
 * @param {number} gap between tiles
 * @param {number[]} ratios widths by height, the preferred one first
 */
export function fitBest(count, width, height, gap, ratios) {
  const grids = ratios.map((ratio) => fit(count, width, height, gap, ratio));
  return grids.reduce((best, grid) => (grid.width * grid.height > best.width * best.height ? grid : best));
}
