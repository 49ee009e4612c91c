/** The overview's incidents: how many are open at each level and in each class, and when they came in the last day. */

import { h, put, s, write } from "../dom.js";
import { Panel, badge, showLevel, stamp } from "./tile.js";

/** @typedef {import("./context.js").Moment} Moment */

const LEVELS = [1, 2, 3, 4];
const CLASSES = ["natural", "accident", "health", "security"];
const HOURS = 24;
const HOUR_MS = 3_600_000;

export class IncidentsPanel {
  /** @param {HTMLElement} box @param {import("../words.js").Words} words */
  constructor(box, words) {
    this.panel = new Panel("incidents-open", words.t("incidents.title"), ".panel-incidents");
    this.counters = LEVELS.map((level) => {
      const mark = badge();
      showLevel(mark, words, level);
      const count = h("span.count");
      const node = h("div.counter", { "data-tile": `incidents-level:${level}` }, mark, count, h("span.counter-name", {}, words.t(`level.${level}`)));
      return { level, count, node };
    });
    this.classes = CLASSES.map((name) => {
      const count = h("span.class-count");
      return { name, count, node: h("div.class", {}, h("span.label", {}, words.t(`class.${name}`)), count) };
    });
    this.bars = Array.from({ length: HOURS }, (_, index) => s("rect", { x: index * 10 + 1, width: 8, class: "bar" }));
    this.chart = s("svg", { class: "hours", viewBox: `0 0 ${HOURS * 10} 40`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...this.bars);
    this.total24 = h("span.hours-note");
    this.panel.body.append(
      h("div.counters", {}, ...this.counters.map(({ node }) => node)),
      h("div.classes", {}, ...this.classes.map(({ node }) => node)),
      h("div.hours-box", {}, this.total24, this.chart),
    );
    box.append(this.panel.node);
  }

  /** @param {Moment} moment */
  draw(moment) {
    const { words, model, now, link, heardAt } = moment;
    const open = model.openIncidents();
    this.panel.show(words, { value: model.known ? open.length : null, at: heardAt, state: link, now });
    write(this.panel.note, words.t("incidents.open", { n: open.length }));
    for (const { level, count, node } of this.counters) {
      const number = open.filter((incident) => incident.level === level).length;
      write(count, String(number));
      put(node, "data-some", number > 0);
      stamp(node, { value: model.known ? number : null, at: heardAt, state: link });
    }
    for (const { name, count } of this.classes) write(count, String(open.filter((incident) => incident.class === name).length));
    if (now !== null) this.#hours(moment, now);
  }

  /** @param {Moment} moment @param {number} now */
  #hours({ words, model }, now) {
    /** @type {number[]} */
    const counts = new Array(HOURS).fill(0);
    /** @type {number[]} */
    const worst = new Array(HOURS).fill(5);
    for (const incident of Object.values(model.topics.incidents)) {
      const ago = Math.floor((now - incident.opened_at) / HOUR_MS);
      if (ago < 0 || ago >= HOURS) continue;
      const slot = HOURS - 1 - ago;
      counts[slot] = (counts[slot] ?? 0) + 1;
      worst[slot] = Math.min(worst[slot] ?? 5, incident.level);
    }
    const most = Math.max(3, ...counts);
    counts.forEach((count, index) => {
      const bar = this.bars[index];
      if (bar === undefined) return;
      const height = count === 0 ? 2 : (count / most) * 40;
      put(bar, "y", (40 - height).toFixed(1));
      put(bar, "height", height.toFixed(1));
      put(bar, "data-level", count > 0 && (worst[index] ?? 5) <= 2 ? worst[index] : null);
    });
    write(this.total24, words.t("incidents.day", { n: counts.reduce((sum, count) => sum + count, 0) }));
  }
}
