/** A list that shows whole rows only: as many as its box holds, the others on further pages. Rows may differ in height: a long name takes two lines. */

import { put } from "../dom.js";
import { pageOf } from "./paging.js";

/**
 * @template T
 * @typedef {{node: HTMLElement, show: (item: T, seen: boolean) => string | void}} Row show gives what the row's height depends on, where that changes
 */

/** How long a page of a list stays, when not all rows fit. */
const PAGE_MS = 8000;

/** @template T */
export class RowList {
  /** @type {Map<string, Row<T>>} */
  #rows = new Map();
  /** By row, in pixels with the space between two rows. @type {Map<string, number>} */
  #heights = new Map();
  #room = 0;
  #order = "";
  /** @type {Map<string, string>} */
  #forms = new Map();
  /** @type {[[string, T][], number, number] | null} what was shown last */
  #shown = null;
  page = 1;
  pages = 1;

  /**
   * @param {HTMLElement} box holds the rows; its height decides how many are seen
   * @param {(id: string) => Row<T>} make
   * @param {{paged?: boolean, columns?: number}} [options] paged: all rows come round; otherwise only the first ones are seen
   */
  constructor(box, make, options = {}) {
    this.box = box;
    this.make = make;
    this.paged = options.paged ?? false;
    this.columns = options.columns ?? 1;
    box.classList.add("rows");
    put(box, "style", this.columns > 1 ? `--columns:${this.columns}` : null);
    // At once, not at the next beat: the banner of a lost server takes room, and half a row must not be seen.
    new ResizeObserver(() => this.#again()).observe(box);
    void document.fonts.ready.then(() => this.#again());
  }

  /**
   * Show these items in this order. Every row is kept current, seen or not.
   *
   * @param {[string, T][]} items
   * @param {number} clock milliseconds that only grow, for turning pages
   * @param {number} [pinned] so many of the first rows are alarms and stay in sight on every page
   */
  show(items, clock, pinned = 0) {
    this.#shown = [items, clock, pinned];
    const wanted = items.map(([id]) => id);
    const order = wanted.join("\n");
    if (order !== this.#order) this.#arrange(wanted, order);
    this.#page(wanted, clock, pinned);
    let changed = false;
    for (const [id, item] of items) {
      const row = this.#rows.get(id);
      if (row === undefined) continue;
      const form = row.show(item, !row.node.hidden) ?? "";
      if (form === this.#forms.get(id)) continue;
      this.#forms.set(id, form);
      changed = true;
    }
    if (!changed) return;
    this.#measure();
    this.#page(wanted, clock, pinned);
  }

  /** Measure and show again: the box or the letters have another size. */
  #again() {
    if (this.#shown === null) return;
    this.#measure();
    const [items, clock, pinned] = this.#shown;
    this.#page(items.map(([id]) => id), clock, pinned);
    for (const [id, item] of items) this.#rows.get(id)?.show(item, this.#rows.get(id)?.node.hidden === false);
  }

  /** @param {string[]} wanted @param {number} clock @param {number} pinned */
  #page(wanted, clock, pinned) {
    if (this.#room === 0) return;
    const cut = pageOf(this.#lines(wanted), this.#room, Math.ceil((this.paged ? pinned : 0) / this.columns), this.paged ? Math.floor(clock / PAGE_MS) : 0);
    this.page = cut.page;
    this.pages = cut.pages;
    wanted.forEach((id, place) => {
      const line = Math.floor(place / this.columns);
      const row = this.#rows.get(id);
      if (row !== undefined) put(row.node, "hidden", !(line < cut.kept || (line >= cut.from && line < cut.to)));
    });
  }

  /** Heights of the lines, each of as many rows as there are columns. @param {string[]} wanted */
  #lines(wanted) {
    /** @type {number[]} */
    const lines = [];
    wanted.forEach((id, place) => {
      const line = Math.floor(place / this.columns);
      lines[line] = Math.max(lines[line] ?? 0, this.#heights.get(id) ?? 0);
    });
    return lines;
  }

  /** @param {string[]} wanted @param {string} order */
  #arrange(wanted, order) {
    this.#order = order;
    const keep = new Set(wanted);
    for (const [id, row] of this.#rows) {
      if (keep.has(id)) continue;
      row.node.remove();
      this.#rows.delete(id);
      this.#heights.delete(id);
      this.#forms.delete(id);
    }
    wanted.forEach((id, index) => {
      let row = this.#rows.get(id);
      if (row === undefined) {
        row = this.make(id);
        this.#rows.set(id, row);
      }
      if (this.box.children[index] !== row.node) this.box.insertBefore(row.node, this.box.children[index] ?? null);
    });
  }

  /** Ask for the heights of all rows, in one layout. */
  #measure() {
    if (this.box.clientHeight === 0) return;
    for (const { node } of this.#rows.values()) put(node, "hidden", null);
    const gap = parseFloat(getComputedStyle(this.box).rowGap) || 0;
    for (const [id, { node }] of this.#rows) this.#heights.set(id, node.getBoundingClientRect().height + gap);
    this.#room = this.box.clientHeight + gap + 1;
  }
}

/**
 * What a row's height depends on: how long its texts are.
 *
 * @param {Element[]} nodes
 */
export function lengths(...nodes) {
  return nodes.map((node) => (node.hasAttribute("hidden") ? "" : (node.textContent ?? "").length)).join();
}
