/** A small line of the recent past, drawn in plain SVG: gaps stay open, the normal range is a band behind it. */

import { h, put, s } from "../dom.js";
import { GRAIN_MS } from "../model.js";
import { showable } from "../words.js";

const WIDTH = 100;
const HEIGHT = 30;

export class Spark {
  #drawn = "";

  constructor() {
    this.band = s("rect", { class: "spark-band", x: 0, width: WIDTH });
    this.mark = s("line", { class: "spark-mark", x1: 0, x2: WIDTH });
    this.line = s("path", { class: "spark-line" });
    const picture = s("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.band, this.mark, this.line);
    this.node = h("span.rest", {}, picture);
  }

  /**
   * @param {import("../topics.js").Sensor} sensor
   * @param {number | null} mark value of the mark to draw, where it is near enough to be seen
   */
  show(sensor, mark) {
    const { decimals } = sensor;
    const recent = sensor.recent.filter(([, value]) => showable(value));
    const first = recent[0];
    const last = recent[recent.length - 1];
    const key = first && last ? `${first[0]} ${last[0]} ${last[1]} ${recent.length} ${mark}` : "";
    if (key === this.#drawn) return;
    this.#drawn = key;
    if (first === undefined || last === undefined || recent.length < 2) {
      put(this.line, "d", "");
      put(this.band, "height", 0);
      put(this.mark, "visibility", "hidden");
      return;
    }
    let low = Infinity;
    let high = -Infinity;
    for (const [, value] of recent) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    // The last digit's noise must not look like a flood: twenty of it is the least height.
    const least = 20 * 10 ** -decimals;
    const spread = Math.max(high - low, least);
    if (mark !== null && mark <= high + spread) high = Math.max(high, mark);
    const pad = Math.max(0, (least - (high - low)) / 2) + (high - low) * 0.06;
    low -= pad;
    high += pad;
    const y = (/** @type {number} */ value) => HEIGHT - ((value - low) / (high - low)) * HEIGHT;
    const x = (/** @type {number} */ at) => ((at - first[0]) / Math.max(1, last[0] - first[0])) * WIDTH;
    const gap = gapOf(sensor);
    let path = "";
    let before = -Infinity;
    for (const [at, value] of recent) {
      path += `${at - before > gap ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      before = at;
    }
    put(this.line, "d", path);
    this.#showBand(sensor.normal, y);
    const seen = mark !== null && mark >= low && mark <= high;
    put(this.mark, "visibility", seen ? null : "hidden");
    if (seen) {
      put(this.mark, "y1", y(mark).toFixed(1));
      put(this.mark, "y2", y(mark).toFixed(1));
    }
  }

  /** @param {[number | null, number | null] | null} normal @param {(value: number) => number} y */
  #showBand(normal, y) {
    const top = normal === null ? HEIGHT : Math.max(0, normal[1] === null ? 0 : y(normal[1]));
    const bottom = normal === null ? HEIGHT : Math.min(HEIGHT, normal[0] === null ? HEIGHT : y(normal[0]));
    put(this.band, "y", Math.min(HEIGHT, top).toFixed(1));
    put(this.band, "height", Math.max(0, bottom - top).toFixed(1));
  }
}

/**
 * Two readings farther apart than this are not joined by a line, in milliseconds.
 *
 * @param {import("../topics.js").Sensor} sensor
 */
export function gapOf(sensor) {
  return 2.5 * Math.max(sensor.period_s * 1000, GRAIN_MS);
}
