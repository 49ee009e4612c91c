/** The overview's rivers: level, trend, and the time until the next mark. */

import { h, put, write } from "../dom.js";
import { RowList, lengths } from "./list.js";
import { isAlarm } from "./risk.js";
import { arrow, meaning, unitOf, waters } from "./sensors.js";
import { Spark } from "./spark.js";
import { AgeMark, Panel, SignMark, stamp } from "./tile.js";

/**
 * @typedef {import("./sensors.js").Sensed} Sensed
 * @typedef {import("./context.js").Moment} Moment
 */

export class RiversPanel {
  /** @type {Moment | null} */
  #moment = null;

  /** @param {HTMLElement} box @param {import("../words.js").Words} words */
  constructor(box, words) {
    this.panel = new Panel("rivers", words.t("rivers.title"), ".panel-rivers");
    box.append(this.panel.node);
    this.list = new RowList(this.panel.body, (id) => this.#row(id), { paged: true });
  }

  /** @param {Moment} moment @param {Sensed[]} sensed */
  draw(moment, sensed) {
    this.#moment = moment;
    const { words, now } = moment;
    const rows = waters(sensed);
    const newest = rows.reduce((at, { sensor }) => Math.max(at, sensor.at ?? 0), 0) || null;
    const worst = rows[0];
    const abnormal = rows.filter(({ judgement }) => judgement.sign !== null).length;
    this.panel.show(words, { value: abnormal, at: worst ? newest : moment.heardAt, state: worst ? bestState(rows) : moment.link, now, measured: worst !== undefined });
    this.panel.sayEmpty(rows.length === 0 ? words.t("rivers.empty") : null);
    this.list.show(rows.map((row) => [row.sensor.id, row]), moment.clock, rows.filter(({ judgement }) => isAlarm(judgement)).length);
    write(this.panel.note, this.list.pages > 1 ? words.t("page", { page: this.list.page, pages: this.list.pages }) : "");
  }

  /** @param {string} id */
  #row(id) {
    const sign = new SignMark();
    const name = h("span.river-name");
    const spark = new Spark();
    const value = h("span.value");
    const unit = h("span.unit");
    const direction = h("span.arrow");
    const said = h("span.said");
    const mark = new AgeMark();
    const node = h("div.row.river", { "data-tile": `river:${id}` }, h("div.line", {}, sign.node, name, spark.node, h("span.measure", {}, value, unit, direction)),
      h("div.line", {}, said, mark.node));
    /** @param {Sensed} sensed @param {boolean} seen */
    const show = (sensed, seen) => {
      const moment = this.#moment;
      if (moment === null) return;
      const { words, now } = moment;
      const { sensor, state, judgement } = sensed;
      stamp(node, { value: sensor.value, at: sensor.at, state, sign: judgement.sign });
      sign.show(words, judgement);
      write(name, words.name(sensor.station.name));
      write(value, words.number(sensor.value, sensor.decimals));
      write(unit, unitOf(sensor));
      write(direction, arrow(sensed));
      const means = meaning(words, sensed);
      write(said, means.text);
      put(said, "data-kind", means.kind);
      mark.show(words, state, sensor.at === null || now === null ? null : now - sensor.at);
      if (seen && moment.scene === "overview") spark.show(sensor, judgement.mark?.value ?? sensed.next?.mark.value ?? null);
      return lengths(sign.node, name, value, unit, said, mark.node);
    };
    return { node, show };
  }
}

/** @param {Sensed[]} rows */
function bestState(rows) {
  if (rows.some(({ state }) => state === "fresh")) return "fresh";
  return rows.some(({ state }) => state === "late") ? "late" : "lost";
}
