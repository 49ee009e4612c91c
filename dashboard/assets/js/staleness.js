/** How old a value is and what that makes of it (docs/feed-protocol.md, "States of a value"); pure. */

/** @typedef {"fresh" | "late" | "lost"} State */

const LINK_LATE_MS = 3500;
const LINK_LOST_MS = 30_000;

/**
 * The state of a measured value: `now` and `at` are the server's epoch milliseconds, `periodS` the sensor's period in seconds.
 *
 * @param {number | null} now
 * @param {number | null} at
 * @param {number} periodS
 * @returns {State}
 */
export function readingState(now, at, periodS) {
  if (now === null || at === null) return "lost";
  const age = now - at;
  if (age <= (2.5 * periodS + 2) * 1000) return "fresh";
  return age <= (10 * periodS + 10) * 1000 ? "late" : "lost";
}

/**
 * The state of what the feed itself keeps current (duty, rooms, resources, incidents): `silenceMs` since the last tick.
 *
 * @param {number} silenceMs
 * @returns {State}
 */
export function linkState(silenceMs) {
  if (silenceMs <= LINK_LATE_MS) return "fresh";
  return silenceMs <= LINK_LOST_MS ? "late" : "lost";
}

/**
 * An age as a number and the unit that suits it.
 *
 * @param {number} ms
 * @returns {{count: number, unit: "s" | "min" | "h" | "d"}}
 */
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return { count: seconds, unit: "s" };
  if (seconds < 3600) return { count: Math.floor(seconds / 60), unit: "min" };
  if (seconds < 48 * 3600) return { count: Math.floor(seconds / 3600), unit: "h" };
  return { count: Math.floor(seconds / 86400), unit: "d" };
}
