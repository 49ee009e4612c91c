/** What the sensors mean at this moment, worked out once for all views. */

import { readingState } from "../staleness.js";
import { allSilent } from "../trouble.js";
import { showable } from "../words.js";
import { judge, nextMark, trend } from "./risk.js";

/**
 * @typedef {import("../topics.js").Sensor} Sensor
 * @typedef {{sensor: Sensor, state: import("../staleness.js").State, judgement: import("./risk.js").Judgement, trend: import("./risk.js").Trend,
 *   next: ReturnType<typeof nextMark>, stopped: boolean}} Sensed stopped: no reading can arrive, so that silence says nothing of the station
 */

/** Groups of the sensors scene, by what they tell about. */
export const GROUPS = Object.freeze({
  river: ["river"], reservoir: ["reservoir"], rain: ["rain"], weather: ["weather"], ground: ["soil", "slope"],
});

/**
 * Every sensor with its state, sign and trend.
 *
 * @param {import("../model.js").Model} model
 * @param {number | null} now
 * @param {import("../staleness.js").State} link without a living feed nothing is fresh
 * @returns {Sensed[]} in the order of the snapshot
 */
export function sense(model, now, link) {
  const stopped = model.topics.system?.ingest.state === "stopped" || allSilent(Object.values(model.topics.readings), now) !== null;
  return Object.values(model.topics.readings).map((sensor) => {
    const alone = readingState(now, sensor.at, sensor.period_s);
    const state = alone === "fresh" && link !== "fresh" ? "late" : alone;
    const going = trend(sensor.recent, sensor.decimals);
    return { sensor, state, judgement: judge(sensor, state), trend: going, next: nextMark(sensor, going), stopped };
  });
}

/**
 * Worst first; equals stay in the order of station names, so that rows do not jump.
 *
 * @param {Sensed[]} sensed
 */
export function inOrder(sensed) {
  return [...sensed].sort((a, b) => a.judgement.rank - b.judgement.rank
    || a.sensor.station.id.localeCompare(b.sensor.station.id) || a.sensor.id.localeCompare(b.sensor.id));
}

/**
 * The river and reservoir gauges that a township watches, worst first: water levels where there are any, otherwise flows.
 *
 * @param {Sensed[]} sensed
 */
export function waters(sensed) {
  const wet = sensed.filter(({ sensor }) => sensor.station.kind === "river" || sensor.station.kind === "reservoir");
  const judged = wet.filter(({ sensor }) => sensor.marks.length > 0);
  const chosen = inOrder(judged.length > 0 ? judged : wet);
  // A river rises in minutes, a reservoir in hours: among equals, rivers first.
  const river = (/** @type {Sensed} */ { sensor }) => (sensor.station.kind === "river" ? 0 : 1);
  return chosen.sort((a, b) => a.judgement.rank - b.judgement.rank || river(a) - river(b));
}

/**
 * One short line about what a sensor means: beyond a mark, on the way to one, silent, or going up or down.
 *
 * @param {import("../words.js").Words} words
 * @param {Sensed} sensed
 * @returns {{text: string, kind: "bad" | "soon" | "plain"}}
 */
export function meaning(words, { sensor, judgement, trend: going, next, stopped }) {
  const { sign, mark } = judgement;
  if (judgement.missing) {
    if (stopped) return { text: words.t("act.stopped"), kind: "soon" };
    return { text: mark === null ? words.t("act.missing") : words.t("act.missing.over", { mark: words.name(mark.name) }), kind: "bad" };
  }
  if (mark !== null) {
    const over = words.number(judgement.over, sensor.decimals);
    return { text: words.t("over", { mark: words.name(mark.name), over, unit: sensor.unit }), kind: "bad" };
  }
  if (sign === "range") return { text: words.t("act.range"), kind: "bad" };
  if (sign === "suspect") return { text: words.t("act.suspect"), kind: "soon" };
  if (next?.inMs != null) return { text: words.t("reaches", { mark: words.name(next.mark.name), span: words.span(next.inMs) }), kind: "soon" };
  if (next) return { text: words.t("below", { mark: words.name(next.mark.name), distance: words.number(next.distance, sensor.decimals), unit: sensor.unit }), kind: "plain" };
  return { text: words.t(`trend.${going.direction}`), kind: "plain" };
}

/**
 * The direction as a sign; a sensor that is silent goes nowhere that we know.
 *
 * @param {Sensed} sensed
 */
export function arrow({ trend: going, state, sensor }) {
  if (state === "lost" || sensor.value === null || !showable(sensor.value)) return "";
  return going.direction > 0 ? "↑" : going.direction < 0 ? "↓" : "→";
}

/** The unit beside the value, where there is a value that it can be the unit of. @param {Sensor} sensor */
export function unitOf({ value, unit }) {
  return value === null || showable(value) ? unit : "";
}
