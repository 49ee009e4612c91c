/** How old a value is and what that makes of it (docs/feed-protocol.md, "States of a value"); pure. */

/** @typedef {"fresh" | "late" | "lost"} State */

const LINK_LATE_MS = 3500;
const LINK_LOST_MS = 30_000;
const HOUR_MS = 3_600_000;

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
 * The state of an amount that people keep (stock, team, shelter): as the link's, and late when nobody confirmed it for long. Old age alone never loses it.
 *
 * @param {State} link
 * @param {number | null} now the server's epoch milliseconds
 * @param {number} changedAt when it was last set or confirmed
 * @param {number} confirmH hours for which a confirmation holds
 * @returns {State}
 */
export function amountState(link, now, changedAt, confirmH) {
  if (link !== "fresh" || now === null) return link;
  return now - changedAt <= confirmH * HOUR_MS ? "fresh" : "late";
}

/**
 * The state of a shift: as the link's, and late when it should have been handed over.
 *
 * @param {State} link
 * @param {number | null} now
 * @param {number} ends
 * @returns {State}
 */
export function shiftState(link, now, ends) {
  return link === "fresh" && now !== null && now > ends ? "late" : link;
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
