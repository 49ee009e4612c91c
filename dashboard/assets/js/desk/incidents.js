/** The list of incidents: open first, worst first, newest first; walked with the arrow keys. */

import { h, put, write } from "../dom.js";

/** @typedef {import("../topics.js").Incident & {version: number}} Incident */

const FLASH_MS = 2400;

export class Incidents {
  /** @type {Map<string, ReturnType<typeof makeRow>>} */
  #rows = new Map();
  /** @type {string | null} */
  selected = null;
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
    const row = this.#rows.get(this.selected ?? "")?.node ?? this.body.querySelector("tr");
    /** @type {HTMLElement | null} */ (row)?.focus();
  }

  /** @param {string} id */
  select(id) {
    this.selected = id;
    this.#mark();
    this.chosen(id);
  }

  /** Show that this row is new or changed. @param {string} id */
  flash(id) {
    const node = this.#rows.get(id)?.node;
    if (node === undefined) return;
    put(node, "data-changed", true);
    setTimeout(() => put(node, "data-changed", false), FLASH_MS);
  }

  draw() {
    const { desk } = this;
    const { model, words } = desk;
    if (this.#revision !== model.revision) {
      this.#revision = model.revision;
      const all = /** @type {Incident[]} */ (Object.values(model.topics.incidents));
      const shown = all
        .filter((incident) => !this.#openOnly || incident.status === "open")
        .sort((a, b) => Number(a.status === "closed") - Number(b.status === "closed") || a.level - b.level || b.opened_at - a.opened_at);
      this.#arrange(shown);
      this.#drawCounts(all);
      put(this.empty, "hidden", shown.length > 0 || !model.known);
    }
    for (const [id, row] of this.#rows) {
      const incident = model.topics.incidents[id];
      if (incident) write(row.since, words.span(Math.max(0, desk.now() - incident.at)));
    }
  }

  /** @param {Incident[]} all */
  #drawCounts(all) {
    const { words } = this.desk;
    const open = all.filter((incident) => incident.status === "open");
    this.count.replaceChildren(
      h("strong.counts__all", { "data-open": open.length }, words.t("list.open", { n: open.length })),
      ...[1, 2, 3, 4].map((level) => {
        const n = open.filter((incident) => incident.level === level).length;
        return h("span.counts__level", { "data-none": n === 0 }, h("span.level", { "data-level": n === 0 ? null : level }, `${words.shape(level)} ${words.roman(level)}`), h("span.number", {}, String(n)));
      }),
    );
  }

  /** @param {Incident[]} shown */
  #arrange(shown) {
    const keep = new Set(shown.map((incident) => incident.id));
    for (const [id, row] of this.#rows) {
      if (keep.has(id)) continue;
      row.node.remove();
      this.#rows.delete(id);
    }
    const focused = document.activeElement;
    shown.forEach((incident, index) => {
      let row = this.#rows.get(incident.id);
      if (row === undefined) {
        row = makeRow(incident.id);
        this.#rows.set(incident.id, row);
      }
      row.show(incident, this.desk);
      if (this.body.children[index] !== row.node) this.body.insertBefore(row.node, this.body.children[index] ?? null);
    });
    // Moving a row takes its focus away.
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.body.contains(focused)) focused.focus();
    this.#mark();
  }

  #mark() {
    const tabbed = this.#rows.has(this.selected ?? "") ? this.selected : this.body.firstElementChild?.getAttribute("data-incident");
    for (const [id, row] of this.#rows) {
      put(row.node, "aria-selected", String(id === this.selected));
      put(row.node, "tabindex", id === tabbed ? 0 : -1);
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

/** @param {string} id */
function makeRow(id) {
  const level = h("span.level");
  const number = h("td.cell-number.number");
  const title = h("td.cell-title");
  const cls = h("td.cell-class");
  const where = h("td.cell-where");
  const since = h("span.number");
  const status = h("td.cell-status");
  const node = h("tr", { "data-incident": id, tabindex: -1 }, h("td.cell-level", {}, level), number, title, cls, where, h("td.cell-since", {}, since), status);
  return {
    node,
    since,
    /** @param {Incident} incident @param {import("./context.js").Desk} desk */
    show(incident, { words, model }) {
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
