/** Which rows of a list are in sight, when not all fit; pure. */

/**
 * The page number `turn` (counted on for ever) of `count` rows in a box of `capacity`. The first `pinned` rows are abnormal: they stay in sight while
 * the others come round; when they alone fill the box, only they come round. The last page is a full one: rows may come twice, an almost
 * empty box is a waste.
 *
 * @param {number} count
 * @param {number} capacity
 * @param {number} pinned
 * @param {number} turn
 * @returns {{kept: number, from: number, to: number, page: number, pages: number}} rows 0…kept and from…to are in sight
 */
export function pageOf(count, capacity, pinned, turn) {
  if (capacity <= 0) return { kept: 0, from: 0, to: 0, page: 1, pages: 1 };
  const crowded = pinned >= capacity;
  const kept = crowded ? 0 : pinned;
  const end = crowded ? pinned : count;
  const room = capacity - kept;
  const pages = Math.max(1, Math.ceil((end - kept) / room));
  const page = turn % pages;
  const from = Math.max(kept, Math.min(kept + page * room, end - room));
  return { kept, from, to: Math.min(count, from + room), page: page + 1, pages };
}
