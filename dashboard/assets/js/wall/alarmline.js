/** The alarms of all gauges in one line above the scenes: it stays whichever scene and page is on. */

import { place, put, write } from "../dom.js";
import { textWidth } from "./projection.js";
import { isAlarm } from "./risk.js";
import { inOrder } from "./sensors.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("./sensors.js").Sensed} Sensed
 */

/** Share of the screen's width that names may take. */
const SHARE = 0.92;

export class AlarmLine {
  /** @param {import("../words.js").Words} words */
  constructor(words) {
    this.words = words;
    this.node = place("alarms");
  }

  /** @param {Moment} moment @param {Sensed[]} sensed */
  draw({ words, least }, sensed) {
    const alarms = inOrder(sensed.filter(({ judgement, stopped }) => isAlarm(judgement) || (judgement.missing && !stopped)));
    put(this.node, "hidden", alarms.length === 0);
    put(this.node, "data-sign", alarms[0]?.judgement.sign);
    if (alarms.length > 0) write(this.node, alarmText(words, alarms, (innerWidth * SHARE) / least));
  }
}

/**
 * How many stations are in alarm or silent, by sign, and the names of the worst as far as they fit.
 *
 * @param {import("../words.js").Words} words
 * @param {Sensed[]} alarms worst first
 * @param {number} room in units of the text's size
 */
export function alarmText(words, alarms, room) {
  /** @type {Map<string, Set<string>>} */
  const bySign = new Map();
  for (const { judgement, sensor } of alarms) {
    const sign = judgement.sign ?? "range";
    bySign.set(sign, (bySign.get(sign) ?? new Set()).add(words.name(sensor.station.name)));
  }
  const [worst, ...others] = [...bySign].map(([sign, names]) => ({ count: words.t("alarms.count", { sign: words.t(`sign.${sign}`), n: names.size }), names: [...names] }));
  if (worst === undefined) return "";
  let shown = worst.names.length;
  const text = () => {
    const names = worst.names.slice(0, shown).join(words.t("and"));
    const first = shown === 0 ? worst.count : words.t(shown < worst.names.length ? "alarms.some" : "alarms.all", { count: worst.count, names });
    return [first, ...others.map(({ count }) => count)].join(words.t("alarms.then"));
  };
  while (shown > 0 && textWidth(text()) > room) shown -= 1;
  return text();
}
