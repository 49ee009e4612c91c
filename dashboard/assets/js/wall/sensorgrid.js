/** The sensors scene: every sensor as one row, in groups by what it tells about, the abnormal first. */

import { h, put, write } from "../dom.js";
import { RowList, lengths } from "./list.js";
import { isAlarm } from "./risk.js";
import { GROUPS, arrow, inOrder, unitOf } from "./sensors.js";
import { Spark } from "./spark.js";
import { AgeMark, Panel, SignMark, stamp } from "./tile.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("./sensors.js").Sensed} Sensed
 */

/** Heights in the style sheet, so that groups share a column by what they hold. */
const ROW_REM = 1.2;
const HEAD_REM = 2.6;

export class SensorGrid {
  /** @type {Moment | null} */
  #moment = null;

  /** @param {(group: string) => HTMLElement} boxOf @param {import("../words.js").Words} words */
  constructor(boxOf, words) {
    this.groups = Object.entries(GROUPS).map(([name, kinds]) => {
      const panel = new Panel(`sensors:${name}`, words.t(`group.${name}`), ".panel-sensors");
      boxOf(name).append(panel.node);
      return { name, kinds, panel, list: new RowList(panel.body, (id) => this.#row(id), { paged: true }) };
    });
  }

  /** @param {Moment} moment @param {Sensed[]} sensed */
  draw(moment, sensed) {
    this.#moment = moment;
    const { words, now, link, heardAt } = moment;
    for (const { name, kinds, panel, list } of this.groups) {
      const rows = inOrder(sensed.filter(({ sensor }) => kinds.includes(sensor.station.kind)));
      const abnormal = rows.filter(({ judgement }) => judgement.sign !== null).length;
      const newest = rows.reduce((at, { sensor }) => Math.max(at, sensor.at ?? 0), 0) || null;
      const states = rows.map(({ state }) => state);
      const state = rows.length === 0 ? link : states.includes("fresh") ? "fresh" : states.includes("late") ? "late" : "lost";
      panel.show(words, { value: abnormal, at: rows.length === 0 ? heardAt : newest, state, now, measured: rows.length > 0 });
      panel.sayEmpty(rows.length === 0 ? words.t("sensors.empty") : null);
      if (panel.node.parentElement?.classList.contains("part")) put(panel.node.parentElement, "style", `flex-grow:${(rows.length * ROW_REM + HEAD_REM).toFixed(1)}`);
      const quantities = new Set(rows.map(({ sensor }) => words.name(sensor.name)));
      // One quantity for all is said once, in the title.
      put(panel.node, "data-one", quantities.size === 1);
      write(panel.title, [words.t(`group.${name}`), ...(quantities.size === 1 ? quantities : [])].join(" · "));
      list.show(rows.map((row) => [row.sensor.id, row]), moment.clock, rows.filter(({ judgement }) => isAlarm(judgement)).length);
      const sources = [...new Set(rows.map(({ sensor }) => words.name(sensor.source)).filter(Boolean))];
      const pages = list.pages > 1 ? words.t("page", { page: list.page, pages: list.pages }) : "";
      write(panel.note, [abnormal > 0 ? words.t("sensors.abnormal", { n: abnormal }) : "", sources.join(words.t("and")), pages].filter(Boolean).join(" · "));
    }
  }

  /** @param {string} id */
  #row(id) {
    const sign = new SignMark();
    const name = h("span.sensor-name");
    const quantity = h("span.quantity");
    const spark = new Spark();
    const value = h("span.value");
    const unit = h("span.unit");
    const direction = h("span.arrow");
    const mark = new AgeMark();
    const node = h("div.row.line.sensor", { "data-tile": `sensor:${id}` }, sign.node, name, quantity, mark.node, spark.node, h("span.measure", {}, value, unit, direction));
    /** @param {Sensed} sensed @param {boolean} seen */
    const show = (sensed, seen) => {
      const moment = this.#moment;
      if (moment === null) return;
      const { words, now } = moment;
      const { sensor, state, judgement } = sensed;
      stamp(node, { value: sensor.value, at: sensor.at, state, sign: judgement.sign });
      sign.show(words, judgement);
      write(name, words.name(sensor.station.name));
      write(quantity, words.name(sensor.name));
      write(value, words.number(sensor.value, sensor.decimals));
      write(unit, unitOf(sensor));
      write(direction, arrow(sensed));
      const age = sensor.at === null || now === null ? null : now - sensor.at;
      mark.say(state, age === null ? words.t("age.never") : words.t(`age.row.${state}`, { span: words.span(age) }));
      if (seen && moment.scene === "sensors") spark.show(sensor, judgement.mark?.value ?? sensed.next?.mark.value ?? null);
      return lengths(sign.node, name, quantity, value, unit, mark.node);
    };
    return { node, show };
  }
}
