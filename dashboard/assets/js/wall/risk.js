/** What a value means: which mark it has passed, where it is going, how long until the next mark; pure. */

import { showable } from "../words.js";

/**
 * @typedef {import("../topics.js").Sensor} Sensor
 * @typedef {import("../topics.js").Mark} Mark
 * @typedef {import("../topics.js").Point} Point
 * @typedef {import("../staleness.js").State} State
 * @typedef {Mark["kind"] | "range" | "suspect" | "missing"} Sign what is wrong with a sensor; the levels Ⅰ…Ⅳ are those of incidents only
 * @typedef {{sign: Sign | null, missing: boolean, rank: number, mark: Mark | null, over: number}} Judgement sign null: normal; missing: it says nothing any
 *   more, and `sign` is what it said last; rank: the order of lists, the worst first
 * @typedef {{perHour: number, direction: -1 | 0 | 1}} Trend
 */

/** @type {Record<Sign, number>} */
const RANK = { guarantee: 1, check: 1, alert: 2, design: 2, limit: 3, range: 3, missing: 4, suspect: 5 };
const NORMAL = 9;

/** Points of the recent past that make a trend: minutes, or readings of a slower sensor. */
const TREND_POINTS = 10;

/** A forecast by a straight line is worth nothing beyond this. */
const HORIZON_MS = 12 * 3600_000;

/**
 * What is wrong with a sensor. One that says nothing is worse than one that is well, and what it said last counts on.
 *
 * @param {Sensor} sensor
 * @param {State} state
 * @returns {Judgement}
 */
export function judge(sensor, state) {
  const last = judgeValue(sensor);
  if (state !== "lost") return last;
  const sign = isAlarm(last) ? last.sign : "missing";
  return { ...last, sign, missing: true, rank: isAlarm(last) ? last.rank - 0.5 : RANK.missing };
}

/**
 * Whether somebody must act on the value itself.
 *
 * @param {Judgement} judgement
 */
export function isAlarm({ rank }) {
  return rank < RANK.missing;
}

/**
 * @param {Sensor} sensor
 * @returns {Judgement}
 */
function judgeValue(sensor) {
  const { value } = sensor;
  if (value === null) return of(null);
  // No water stands that high: the gauge is broken, and a mark says nothing.
  if (!showable(value)) return of("range");
  /** @type {Mark | null} */
  let passed = null;
  for (const mark of sensor.marks) {
    if (value >= mark.value && (passed === null || mark.value > passed.value)) passed = mark;
  }
  if (passed !== null) return of(passed.kind, passed, value - passed.value);
  const [low, high] = sensor.normal ?? [null, null];
  if ((low !== null && value < low) || (high !== null && value > high)) return of("range");
  return of(sensor.quality === 1 ? "suspect" : null);
}

/** @param {Sign | null} sign @param {Mark | null} [mark] @param {number} [over] @returns {Judgement} */
function of(sign, mark = null, over = 0) {
  return { sign, missing: false, rank: sign === null ? NORMAL : (RANK[sign] ?? RANK.range), mark, over };
}

/**
 * The slope of the recent past by least squares, in units per hour; direction 0 when the change is lost in the last digit.
 *
 * @param {Point[]} recent oldest first
 * @param {number} decimals
 * @returns {Trend}
 */
export function trend(recent, decimals) {
  const points = recent.slice(-TREND_POINTS).filter(([, value]) => showable(value));
  const first = points[0];
  const last = points[points.length - 1];
  if (points.length < 3 || first === undefined || last === undefined) return { perHour: 0, direction: 0 };
  let meanT = 0;
  let meanV = 0;
  for (const [at, value] of points) {
    meanT += (at - first[0]) / points.length;
    meanV += value / points.length;
  }
  let above = 0;
  let below = 0;
  for (const [at, value] of points) {
    const t = at - first[0] - meanT;
    above += t * (value - meanV);
    below += t * t;
  }
  if (below === 0) return { perHour: 0, direction: 0 };
  const slope = above / below;
  const change = slope * (last[0] - first[0]);
  const steady = Math.abs(change) < 2 * 10 ** -decimals;
  return { perHour: slope * 3600_000, direction: steady ? 0 : change > 0 ? 1 : -1 };
}

/**
 * The next mark above the value, and when a straight line reaches it (milliseconds), or null where it does not within twelve hours.
 *
 * @param {Sensor} sensor
 * @param {Trend} going
 * @returns {{mark: Mark, distance: number, inMs: number | null} | null}
 */
export function nextMark(sensor, going) {
  const { value } = sensor;
  if (value === null || !showable(value)) return null;
  /** @type {Mark | null} */
  let next = null;
  for (const mark of sensor.marks) if (mark.value > value && (next === null || mark.value < next.value)) next = mark;
  if (next === null) return null;
  const distance = next.value - value;
  const inMs = going.direction > 0 ? (distance / going.perHour) * 3600_000 : Infinity;
  return { mark: next, distance, inMs: inMs <= HORIZON_MS ? inMs : null };
}
