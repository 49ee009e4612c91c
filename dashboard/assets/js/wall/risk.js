/** What a value means: which level it stands for, where it is going, how long until the next mark; pure. */

/**
 * @typedef {import("../topics.js").Sensor} Sensor
 * @typedef {import("../topics.js").Mark} Mark
 * @typedef {import("../topics.js").Point} Point
 * @typedef {import("../staleness.js").State} State
 * @typedef {0 | 1 | 2 | 3 | 4} Risk 0 is normal, otherwise the level Ⅰ…Ⅳ: a smaller number is worse
 * @typedef {{level: Risk, reason: "normal" | "mark" | "range" | "suspect" | "lost", mark: Mark | null, over: number}} Judgement
 * @typedef {{perHour: number, direction: -1 | 0 | 1}} Trend
 */

/** @type {Record<Mark["kind"], Risk>} */
const MARK_LEVEL = { limit: 3, alert: 2, design: 2, guarantee: 1, check: 1 };

/** A gauge that says nothing stands at least for this: somebody has to go and look. */
const LOST_LEVEL = 3;

/** Points of the recent past that make a trend: minutes, or readings of a slower sensor. */
const TREND_POINTS = 10;

/** A forecast by a straight line is worth nothing beyond this. */
const HORIZON_MS = 12 * 3600_000;

/**
 * The level that a sensor stands for. A dead gauge raises the level and never lowers it: what it last said counts on, one level worse.
 *
 * @param {Sensor} sensor
 * @param {State} state
 * @returns {Judgement}
 */
export function judge(sensor, state) {
  const last = judgeValue(sensor);
  if (state !== "lost") return last;
  const worse = last.level === 0 ? LOST_LEVEL : Math.max(1, Math.min(LOST_LEVEL, last.level - 1));
  return { ...last, level: /** @type {Risk} */ (worse), reason: "lost" };
}

/**
 * @param {Sensor} sensor
 * @returns {Judgement}
 */
function judgeValue(sensor) {
  const { value } = sensor;
  if (value === null) return { level: 0, reason: "normal", mark: null, over: 0 };
  /** @type {Mark | null} */
  let passed = null;
  for (const mark of sensor.marks) {
    if (value >= mark.value && (passed === null || mark.value > passed.value)) passed = mark;
  }
  if (passed !== null) return { level: MARK_LEVEL[passed.kind] ?? 3, reason: "mark", mark: passed, over: value - passed.value };
  const [low, high] = sensor.normal ?? [null, null];
  if ((low !== null && value < low) || (high !== null && value > high)) return { level: 3, reason: "range", mark: null, over: 0 };
  if (sensor.quality === 1) return { level: 4, reason: "suspect", mark: null, over: 0 };
  return { level: 0, reason: "normal", mark: null, over: 0 };
}

/**
 * The slope of the recent past by least squares, in units per hour; direction 0 when the change is lost in the last digit.
 *
 * @param {Point[]} recent oldest first
 * @param {number} decimals
 * @returns {Trend}
 */
export function trend(recent, decimals) {
  const points = recent.slice(-TREND_POINTS);
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
  if (value === null) return null;
  /** @type {Mark | null} */
  let next = null;
  for (const mark of sensor.marks) if (mark.value > value && (next === null || mark.value < next.value)) next = mark;
  if (next === null) return null;
  const distance = next.value - value;
  const inMs = going.direction > 0 ? (distance / going.perHour) * 3600_000 : Infinity;
  return { mark: next, distance, inMs: inMs <= HORIZON_MS ? inMs : null };
}

/**
 * Order for lists: worst first, then those nearest to trouble.
 *
 * @param {Judgement} a
 * @param {Judgement} b
 */
export function worseFirst(a, b) {
  return (a.level || 9) - (b.level || 9);
}
