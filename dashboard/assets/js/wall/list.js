/** A list that shows whole rows only: as many as its box holds, the others on further pages. */

import { put } from "../dom.js";
import { pageOf } from "./paging.js";

/**
 * @template T
 * @typedef {{node: HTMLElement, show: (item: T, seen: boolean) => void}} Row
 */

/** How long a page of a list stays, when not all rows fit. */
const PAGE_MS = 8000;

/** @template T */
export class RowList {
  /** @type {Map<string, Row<T>>} */
  #rows = new Map();
  /** Rows that fit; none in a box that is too small for one. */
  #capacity = 1;
  #rowHeight = 0;
  #order = "";
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
    new ResizeObserver(() => {
      const before = this.#capacity;
      this.#measure();
      // At once, not at the next beat: the banner of a lost server takes room, and half a row must not be seen.
      if (this.#capacity !== before && this.#shown !== null) this.show(...this.#shown);
    }).observe(box);
  }

  /**
   * Show these items in this order. Every row is kept current, seen or not.
   *
   * @param {[string, T][]} items
   * @param {number} clock milliseconds that only grow, for turning pages
   * @param {number} [pinned] so many of the first rows are abnormal and stay in sight on every page
   */
  show(items, clock, pinned = 0) {
    this.#shown = [items, clock, pinned];
    const wanted = items.map(([id]) => id);
    const order = wanted.join("\n");
    if (order !== this.#order) this.#arrange(wanted, order);
    const cut = pageOf(items.length, this.#capacity, this.paged ? pinned : 0, this.paged ? Math.floor(clock / PAGE_MS) : 0);
    this.page = cut.page;
    this.pages = cut.pages;
    items.forEach(([id, item], place) => {
      const row = this.#rows.get(id);
      if (row === undefined) return;
      const seen = place < cut.kept || (place >= cut.from && place < cut.to);
      put(row.node, "hidden", !seen);
      row.show(item, seen);
    });
  }

  /** @param {string[]} wanted @param {string} order */
  #arrange(wanted, order) {
    this.#order = order;
    const keep = new Set(wanted);
    for (const [id, row] of this.#rows) {
      if (keep.has(id)) continue;
      row.node.remove();
      this.#rows.delete(id);
    }
    wanted.forEach((id, index) => {
      let row = this.#rows.get(id);
      if (row === undefined) {
        row = this.make(id);
        this.#rows.set(id, row);
      }
      if (this.box.children[index] !== row.node) this.box.insertBefore(row.node, this.box.children[index] ?? null);
    });
    this.#measure();
  }

  #measure() {
    const sample = [...this.#rows.values()].find((row) => !row.node.hidden)?.node;
    const height = this.box.clientHeight;
    if (sample !== undefined && sample.offsetHeight > 0) this.#rowHeight = sample.offsetHeight;
    if (height === 0 || this.#rowHeight === 0) return;
    const gap = parseFloat(getComputedStyle(this.box).rowGap) || 0;
    this.#capacity = Math.floor((height + gap + 1) / (this.#rowHeight + gap)) * this.columns;
  }
}
