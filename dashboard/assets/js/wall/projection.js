/** From degrees to the map's box, and labels that do not lie on each other; pure. */

/** @typedef {{x: number, y: number, w: number, h: number}} Box */

/**
 * A projection that fits all points into `width` × `height` with a margin: equidistant, true at the middle latitude, enough for a township.
 *
 * @param {[number, number][]} points longitude, latitude
 * @param {number} width
 * @param {number} height
 * @param {number} margin
 * @returns {(lon: number, lat: number) => [number, number]}
 */
export function fit(points, width, height, margin) {
  let [west, east, south, north] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [lon, lat] of points) {
    west = Math.min(west, lon);
    east = Math.max(east, lon);
    south = Math.min(south, lat);
    north = Math.max(north, lat);
  }
  if (!Number.isFinite(west)) [west, east, south, north] = [0, 1, 0, 1];
  const shrink = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const across = Math.max((east - west) * shrink, 1e-4);
  const up = Math.max(north - south, 1e-4);
  const scale = Math.min((width - 2 * margin) / across, (height - 2 * margin) / up);
  const left = (width - across * scale) / 2;
  const top = (height - up * scale) / 2;
  return (lon, lat) => [left + (lon - west) * shrink * scale, top + (north - lat) * scale];
}

/**
 * @typedef {{x: number, y: number, gap: number, size: number, texts: string[]}} Label a point, its symbol's half size with a little air, the size of
 *   the text, and the text in ever shorter forms
 * @typedef {{text: string, box: Box}} Spot
 */

/** How far from its point a label may stand, as a share of its gap. */
const RINGS = [1, 1.6];

/**
 * Where each label goes so that none lies on another or on a symbol; null hides it. The labels come most important first: each takes the place that
 * leaves the most of the others theirs, a longer text and a nearer place where that makes no difference.
 *
 * @param {Label[]} labels
 * @param {Box[]} symbols
 * @param {{width: number, height: number}} bounds
 * @param {number} firm so many of the first labels are shown shorter rather than hidden, and rather on symbols than not at all, but not on one of the first so many symbols
 * @returns {(Spot | null)[]}
 */
export function placeLabels(labels, symbols, bounds, firm) {
  const taken = [...symbols];
  return labels.map((label, index) => {
    const spots = spotsOf(label, bounds);
    const free = spots.filter(({ box }) => isFree(box, taken));
    const rest = labels.slice(Math.max(index + 1, firm));
    let best = index < firm ? leastHarm(free, rest, taken, bounds) : (free[0] ?? null);
    if (best === null && index < firm) best = leastCovering(spots.filter(({ box }) => isFree(box, [...symbols.slice(0, firm), ...taken.slice(symbols.length)])), symbols);
    if (best !== null) taken.push(best.box);
    return best;
  });
}

/**
 * The one of `spots` after which the most of `rest` still find a place.
 *
 * @param {Spot[]} spots
 * @param {Label[]} rest
 * @param {Box[]} taken
 * @param {{width: number, height: number}} bounds
 * @returns {Spot | null}
 */
function leastHarm(spots, rest, taken, bounds) {
  const open = rest.map((label) => spotsOf(label, bounds).map(({ box }) => box).filter((box) => isFree(box, taken)));
  let best = null;
  let most = -1;
  for (const spot of spots) {
    const kept = open.filter((boxes) => boxes.some((box) => !overlap(box, spot.box))).length;
    if (kept > most) [best, most] = [spot, kept];
  }
  return best;
}

/**
 * The one of `spots` that covers the least of the symbols.
 *
 * @param {Spot[]} spots
 * @param {Box[]} symbols
 * @returns {Spot | null}
 */
function leastCovering(spots, symbols) {
  const covered = (/** @type {Spot} */ { box }) => symbols.filter((symbol) => overlap(box, symbol)).length;
  return spots.reduce((/** @type {Spot | null} */ best, spot) => (best === null || covered(spot) < covered(best) ? spot : best), null);
}

/** @param {Label} label @param {{width: number, height: number}} bounds @returns {Spot[]} inside the bounds, the best first */
function spotsOf({ x, y, gap, size, texts }, bounds) {
  const h = size * 1.15;
  return texts.flatMap((text) => RINGS.flatMap((ring) => {
    const w = textWidth(text) * size;
    const far = gap * ring;
    const near = far * 0.7;
    const places = [
      [x + far, y - h / 2], [x - far - w, y - h / 2], [x - w / 2, y - far - h], [x - w / 2, y + far],
      [x + near, y + near], [x + near, y - near - h], [x - near - w, y + near], [x - near - w, y - near - h],
    ];
    return places.map(([left = 0, top = 0]) => ({ text, box: { x: left, y: top, w, h } }));
  })).filter(({ box }) => box.x >= 0 && box.y >= 0 && box.x + box.w <= bounds.width && box.y + box.h <= bounds.height);
}

/** @param {Box} box @param {Box[]} taken */
function isFree(box, taken) {
  return !taken.some((other) => overlap(box, other));
}

/** @param {Box} a @param {Box} b */
export function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Dashes, quotation marks and dots, which are as wide as a character in a Chinese font. */
const WIDE = /[\u2010-\u2027\u00b7]/;

/**
 * About how wide a text is, in units of its size: a Chinese character is one, others are a little over half.
 *
 * @param {string} text
 */
export function textWidth(text) {
  let width = 0;
  for (const character of text) width += character > "\u2e7f" || WIDE.test(character) ? 1 : 0.58;
  return width;
}
