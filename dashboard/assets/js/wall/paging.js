/** Which rows of a list are in sight, when not all fit; pure. */

/**
 * The page number `turn` (counted on for ever) of rows of these heights in a box of `room`. The first `pinned` rows are alarms: they stay in sight while
 * the others come round. Where they alone do not fit, the worst of them fill half of the box and the other alarms come round in the rest. The last page
 * is a full one: rows may come twice, an almost empty box is a waste. One row is shown however small the box.
 *
 * @param {number[]} heights of all rows in their order, with the space between two rows
 * @param {number} room
 * @param {number} pinned
 * @param {number} turn
 * @returns {{kept: number, from: number, to: number, page: number, pages: number}} rows 0…kept and from…to are in sight
 */
export function pageOf(heights, room, pinned, turn) {
  const count = heights.length;
  if (sum(heights, 0, count) <= room) return { kept: 0, from: 0, to: count, page: 1, pages: 1 };
  const crowded = sum(heights, 0, pinned) + tallest(heights, pinned, count) > room;
  const end = crowded && pinned > 0 ? Math.max(pinned, 1) : count;
  let kept = pinned;
  if (crowded) {
    kept = 0;
    while (kept + 1 < pinned && sum(heights, 0, kept + 1) <= room / 2) kept += 1;
    while (kept > 0 && sum(heights, 0, kept) + tallest(heights, kept, end) > room) kept -= 1;
  }
  const left = room - sum(heights, 0, kept);
  /** @type {[number, number][]} */
  const pages = [];
  for (let from = kept; from < end;) {
    let to = from + 1;
    while (to < end && sum(heights, from, to + 1) <= left) to += 1;
    pages.push([from, to]);
    from = to;
  }
  const page = pages.length > 0 ? turn % pages.length : 0;
  let [from, to] = pages[page] ?? [kept, kept];
  if (to === end) while (from > kept && sum(heights, from - 1, to) <= left) from -= 1;
  return { kept, from, to, page: page + 1, pages: Math.max(1, pages.length) };
}

/** @param {number[]} heights @param {number} from @param {number} to */
function sum(heights, from, to) {
  let total = 0;
  for (let index = from; index < to; index += 1) total += heights[index] ?? 0;
  return total;
}

/** @param {number[]} heights @param {number} from @param {number} to */
function tallest(heights, from, to) {
  return Math.max(0, ...heights.slice(from, to));
}
