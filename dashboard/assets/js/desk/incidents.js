/** The list of incidents: open first, worst first, newest first; walked with the arrow keys. */

import { Rows, h, put, write } from "../dom.js";

/** @typedef {import("../topics.js").Incident & {version: number}} Incident */

const FLASH_MS = 2400;

export class Incidents {
  /** @type {Rows<Incident>} */
  #rows;
  /** Those shown, with the node that says for how long. @type {Map<string, HTMLElement>} */
  #since = new Map();
  /** @type {string | null} */
  selected = null;
  /** Entered here and not in the list yet: selected as soon as it is. @type {string | null} */
  #awaited = null;
  #revision = -1;
  #openOnly = false;

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   * @param {(id: string) => void} chosen
   */
  constructor(box, desk, chosen) {
    this.desk = desk;
    this.chosen = chosen;
    const { words } = desk;
    this.count = h("div.counts");
    this.filter = h("button.button.button--quiet.incidents__filter", { type: "button", "aria-pressed": "false" }, words.t("list.open.only"));
    this.body = h("tbody", { id: "incident-rows" });
    this.#rows = new Rows(this.body, (incident) => makeRow(incident.id, desk, this.#since));
    this.counts = [1, 2, 3, 4].map((level) => {
      const n = h("span.number");
      const shape = h("span.level", {}, `${words.shape(level)} ${words.roman(level)}`);
      return { level, n, shape, node: h("span.counts__level", {}, shape, n) };
    });
    this.all = h("strong.counts__all");
    this.count.append(this.all, ...this.counts.map(({ node }) => node));
    this.empty = h("p.desk-empty", { hidden: true }, words.t("list.empty"));
    const heads = ["level", "number", "title", "class", "where", "since", "status"].map((name) => h(`th.cell-${name}`, { scope: "col" }, words.t(`list.${name}`)));
    const table = h("table.table.incidents", { "aria-label": words.t("list.heading") }, h("thead", {}, h("tr", {}, ...heads)), this.body);
    box.append(h("div.incidents__head", {}, this.count, this.filter), h("div.incidents__scroll", {}, table, this.empty));
    this.filter.addEventListener("click", () => {
      this.#openOnly = !this.#openOnly;
      put(this.filter, "aria-pressed", String(this.#openOnly));
      this.#revision = -1;
      this.draw();
    });
    this.body.addEventListener("click", (event) => {
      const id = /** @type {Element} */ (event.target).closest("tr")?.getAttribute("data-incident");
      if (id) this.select(id);
    });
    this.body.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Put the keyboard on the selected row, or the first one. */
  focus() {
    const row = this.#rows.get(this.selected ?? "") ?? this.body.querySelector("tr");
    /** @type {HTMLElement | null} */ (row)?.focus();
  }

  /** @param {string} id */
  select(id) {
    this.#awaited = null;
    this.selected = id;
    this.#mark();
    this.chosen(id);
  }

  /** Select what was just entered, as soon as the feed brings it. @param {string} id */
  expect(id) {
    this.#awaited = id;
  }

  /** Show that this row is new or changed. @param {string} id */
  flash(id) {
    const node = this.#rows.get(id);
    if (node === undefined) return;
    put(node, "data-changed", true);
    setTimeout(() => put(node, "data-changed", false), FLASH_MS);
  }

  draw() {
    const { desk } = this;
    const { model, words } = desk;
    const revision = model.revision("incidents", "sites");
    if (this.#revision !== revision) {
      this.#revision = revision;
      const all = /** @type {Incident[]} */ (Object.values(model.topics.incidents));
      const shown = all
        .filter((incident) => !this.#openOnly || incident.status === "open")
        .sort((a, b) => Number(a.status === "closed") - Number(b.status === "closed") || a.level - b.level || b.opened_at - a.opened_at);
      this.#rows.show(shown, (incident) => incident.id);
      for (const id of this.#since.keys()) if (this.#rows.get(id) === undefined) this.#since.delete(id);
      this.#mark();
      this.#drawCounts(all);
      put(this.empty, "hidden", shown.length > 0 || !model.known);
    }
    for (const [id, node] of this.#since) {
      const incident = model.topics.incidents[id];
      if (incident) write(node, words.span(Math.max(0, desk.now() - incident.at)));
    }
    if (this.#awaited !== null && model.topics.incidents[this.#awaited] !== undefined) this.select(this.#awaited);
  }

  /** @param {Incident[]} all */
  #drawCounts(all) {
    const { words } = this.desk;
    const open = all.filter((incident) => incident.status === "open");
    put(this.all, "data-open", open.length);
    write(this.all, words.t("list.open", { n: open.length }));
    for (const { level, n, shape, node } of this.counts) {
      const count = open.filter((incident) => incident.level === level).length;
      put(node, "data-none", count === 0);
      put(shape, "data-level", count === 0 ? null : level);
      write(n, String(count));
    }
  }

  #mark() {
    const tabbed = this.#rows.get(this.selected ?? "") ?? this.body.firstElementChild;
    for (const row of this.body.children) {
      put(row, "aria-selected", String(row.getAttribute("data-incident") === this.selected));
      put(row, "tabindex", row === tabbed ? 0 : -1);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const row = /** @type {HTMLElement} */ (event.target).closest("tr");
    if (row === null || event.ctrlKey || event.altKey || event.metaKey) return;
    const next = event.key === "ArrowDown" ? row.nextElementSibling : event.key === "ArrowUp" ? row.previousElementSibling : null;
    if (next instanceof HTMLElement) {
      event.preventDefault();
      this.select(next.getAttribute("data-incident") ?? "");
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.select(row.getAttribute("data-incident") ?? "");
    }
  }
}

/**
 * @param {string} id
 * @param {import("./context.js").Desk} desk
 * @param {Map<string, HTMLElement>} since
 */
function makeRow(id, { words, model }, since) {
  const level = h("span.level");
  const number = h("td.cell-number.number");
  const title = h("td.cell-title", { dir: "auto" });
  const cls = h("td.cell-class");
  const where = h("td.cell-where");
  const lasting = h("span.number");
  const status = h("td.cell-status");
  const node = h("tr", { "data-incident": id, tabindex: -1 }, h("td.cell-level", {}, level), number, title, cls, where, h("td.cell-since", {}, lasting), status);
  since.set(id, lasting);
  return {
    node,
    /** @param {Incident} incident */
    show(incident) {
      put(node, "data-status", incident.status);
      put(node, "data-level", incident.level);
      put(level, "data-level", incident.status === "open" ? incident.level : null);
      write(level, `${words.shape(incident.level)} ${words.roman(incident.level)}`);
      put(level, "title", words.t(`level.${incident.level}`));
      write(number, incident.number);
      write(title, incident.title);
      put(title, "title", incident.title);
      write(cls, words.t(`class.${incident.class}`));
      write(where, whereOf(incident, words, model));
      write(status, words.t(`status.${incident.status}`));
    },
  };
}

/**
 * Site and place in one line.
 *
 * @param {import("../topics.js").Incident} incident
 * @param {import("./words.js").DeskWords} words
 * @param {import("../model.js").Model} model
 */
export function whereOf(incident, words, model) {
  const site = model.site(incident.site);
  return [site ? words.name(site.name) : (incident.site ?? ""), incident.place].filter((part) => part !== "").join(" · ") || words.t("where.township");
}
