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
 * A place for a label beside its point that lies on nothing yet, or null.
 *
 * @param {Box[]} taken
 * @param {number} x
 * @param {number} y
 * @param {number} w
 * @param {number} h
 * @param {number} gap distance from the point
 * @param {{width: number, height: number}} bounds
 * @returns {Box | null}
 */
export function placeLabel(taken, x, y, w, h, gap, bounds) {
  const tries = [
    [x + gap, y - h / 2], [x - gap - w, y - h / 2], [x - w / 2, y + gap], [x - w / 2, y - gap - h],
    [x + gap * 0.7, y + gap * 0.7], [x + gap * 0.7, y - gap * 0.7 - h], [x - gap * 0.7 - w, y + gap * 0.7], [x - gap * 0.7 - w, y - gap * 0.7 - h],
  ];
  for (const [left = 0, top = 0] of tries) {
    const box = { x: left, y: top, w, h };
    if (left < 0 || top < 0 || left + w > bounds.width || top + h > bounds.height) continue;
    if (taken.some((other) => overlap(box, other))) continue;
    return box;
  }
  return null;
}

/** @param {Box} a @param {Box} b */
export function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/**
 * About how wide a text is, in units of its size: a Chinese character is one, others are a little over half.
 *
 * @param {string} text
 */
export function textWidth(text) {
  let width = 0;
  for (const character of text) width += (character.codePointAt(0) ?? 0) > 0x2e7f ? 1 : 0.58;
  return width;
}
