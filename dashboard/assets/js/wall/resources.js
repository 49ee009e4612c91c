/** Stocks, teams and shelters: what is there against what is needed, the worst shortage first. */

import { h, put, write } from "../dom.js";
import { amountState } from "../staleness.js";
import { RowList, lengths } from "./list.js";
import { AgeMark, Panel, stamp } from "./tile.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("../topics.js").Resource} Resource
 */

/** Shares of the need below which a shortage is marked. */
const SHORT = 1;
const SEVERE = 0.5;

/** @param {Resource} resource */
function covered(resource) {
  return resource.need > 0 ? resource.have / resource.need : Infinity;
}

/** @param {Resource} resource @returns {null | "severe" | "short"} */
export function shortage(resource) {
  const share = covered(resource);
  if (share >= SHORT) return null;
  return share < SEVERE ? "severe" : "short";
}

/** @param {Resource[]} resources */
export function shortFirst(resources) {
  return [...resources].sort((a, b) => Math.min(1, covered(a)) - Math.min(1, covered(b)) || a.id.localeCompare(b.id));
}

export class ResourcesPanel {
  /** @type {Moment | null} */
  #moment = null;

  /**
   * @param {HTMLElement} box
   * @param {import("../words.js").Words} words
   * @param {{tile: string, title: string, type: Resource["type"] | null, long: boolean, confirmH: number}} options type null: all of them; long: with site, contact and age;
   *   confirmH: hours for which an amount counts as confirmed
   */
  constructor(box, words, options) {
    this.options = options;
    this.panel = new Panel(options.tile, words.t(options.title), options.long ? ".panel-resources.long" : ".panel-resources");
    box.append(this.panel.node);
    this.list = new RowList(this.panel.body, (id) => this.#row(id), { paged: true });
  }

  /** @param {Moment} moment */
  draw(moment) {
    this.#moment = moment;
    const { words, model, now, link, heardAt } = moment;
    const all = Object.values(model.topics.resources).filter(({ type }) => this.options.type === null || type === this.options.type);
    const short = all.filter((resource) => shortage(resource) !== null).length;
    // An amount is as old as its last confirmation, and many are as old as the oldest of them.
    const oldest = all.length === 0 ? null : Math.min(...all.map((resource) => resource.changed_at));
    const state = oldest === null ? link : amountState(link, now, oldest, this.options.confirmH);
    this.panel.show(words, { value: short, at: oldest ?? heardAt, state, now });
    if (oldest !== null) this.panel.mark.say(state, confirmed(words, link, now, oldest, state, this.options.long ? "all" : "one"));
    this.panel.sayEmpty(all.length === 0 ? words.t("resources.empty") : null);
    this.list.show(shortFirst(all).map((resource) => [resource.id, resource]), moment.clock, short);
    const pages = this.list.pages > 1 ? words.t("page", { page: this.list.page, pages: this.list.pages }) : "";
    write(this.panel.note, [short > 0 ? words.t("resources.short", { n: short }) : all.length > 0 ? words.t("resources.enough") : "", pages].filter(Boolean).join(" · "));
  }

  /** @param {string} id */
  #row(id) {
    const name = h("span.res-name");
    const fill = h("span.bar-fill");
    const need = h("span.bar-need");
    const have = h("span.value");
    const of = h("span.of");
    const missing = h("span.missing");
    const detail = h("span.res-detail");
    const mark = new AgeMark();
    const node = h("div.row.res", {}, h("div.line", {}, name, h("span.rest", {}, h("span.bar-box", {}, fill, need)), ...(this.options.long ? [missing] : []), h("span.measure", {}, have, of)),
      ...(this.options.long ? [h("div.line.res-foot", {}, detail, mark.node)] : []));
    /** @param {Resource} resource */
    const show = (resource) => {
      const moment = this.#moment;
      if (moment === null) return;
      const { words, model, link, now } = moment;
      const state = amountState(link, now, resource.changed_at, this.options.confirmH);
      const sign = shortage(resource);
      if (this.options.long) put(node, "data-tile", `${resource.type}:${id}`);
      stamp(node, { value: resource.have, at: resource.changed_at, state, sign });
      mark.say(state, confirmed(words, link, now, resource.changed_at, state, "row"));
      const end = Math.max(resource.have, resource.need, 1e-9);
      put(fill, "style", `width:${((resource.have / end) * 100).toFixed(1)}%`);
      put(need, "style", `left:${((resource.need / end) * 100).toFixed(1)}%`);
      put(need, "hidden", resource.need <= 0);
      write(name, words.name(resource.name));
      write(have, words.amount(resource.have));
      write(of, resource.need > 0 ? `/${words.amount(resource.need)} ${unit(words, resource.unit)}` : unit(words, resource.unit));
      write(missing, sign === null ? "" : words.t("resources.missing", { n: words.amount(resource.need - resource.have) }));
      const site = model.site(resource.site);
      // Whom to call comes first; what is the township's own need not say so.
      write(detail, [resource.contact ?? "", site?.kind === "township" ? "" : words.name(site?.name)].filter(Boolean).join(" · "));
      return lengths(name, have, of, missing, detail, mark.node);
    };
    return { node, show };
  }
}

/**
 * How long ago an amount was confirmed; a page without its server says the same, since the age is true all the same.
 *
 * @param {import("../words.js").Words} words
 * @param {import("../staleness.js").State} link
 * @param {number | null} now
 * @param {number} at
 * @param {import("../staleness.js").State} state
 * @param {"row" | "one" | "all"} scope row: beside many others, as short as can be
 */
function confirmed(words, link, now, at, state, scope) {
  if (now === null) return "";
  return words.t(`confirmed.${link === "fresh" && state === "late" ? "late" : scope}`, { span: words.span(now - at) });
}

/**
 * Units are kept as the township writes them; those that the catalogue knows are translated.
 *
 * @param {import("../words.js").Words} words
 * @param {string} name
 */
export function unit(words, name) {
  return words.has(`unit.${name}`) ? words.t(`unit.${name}`) : name;
}
