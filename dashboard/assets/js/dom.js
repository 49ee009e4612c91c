/** Building and changing nodes: text only ever through textContent, and nothing is written that is already there. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */

/**
 * @param {string} tag with classes, as in "div.row.wide"
 * @param {Attributes} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const [name = "div", ...classes] = tag.split(".");
  const node = document.createElement(name);
  if (classes.length > 0) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) put(node, key, value);
  node.append(...children);
  return node;
}

/**
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {(Node | string)[]} children
 * @returns {SVGElement}
 */
export function s(tag, attributes = {}, ...children) {
  const node = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  for (const [key, value] of Object.entries(attributes)) put(node, key, value);
  node.append(...children);
  return node;
}

/**
 * Set an attribute; null, undefined and false take it away.
 *
 * @param {Element} node
 * @param {string} key
 * @param {string | number | boolean | null | undefined} value
 */
export function put(node, key, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(key)) node.removeAttribute(key);
    return;
  }
  const text = value === true ? "" : String(value);
  if (node.getAttribute(key) !== text) node.setAttribute(key, text);
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * The element with this id, which the page's layout promises.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function place(id) {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`the page has no #${id}`);
  return node;
}

/**
 * A row: its node, and how it shows what it is about now, in place.
 *
 * @template Item
 * @typedef {{node: HTMLElement, show: (item: Item) => void}} Row
 */

/** What was held back because somebody was at work in the list is tried again so soon. */
const RETRY_MS = 250;

/**
 * The rows of a list by key: each is made once and then changed in place. While a finger is down in the list nothing moves, so that a click meets what
 * it was meant for; a row in which somebody types or selects stays where it is, and stays at all, until they are done.
 *
 * @template Item
 */
export class Rows {
  /** @type {Map<string, Row<Item>>} */
  #rows = new Map();
  /** @type {string[]} */
  #order = [];
  #pressed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {HTMLElement} box holds the rows and nothing else
   * @param {(item: Item, key: string) => Row<Item>} make
   */
  constructor(box, make) {
    this.box = box;
    this.make = make;
    box.addEventListener("pointerdown", () => {
      this.#pressed = true;
      // The click comes after the finger has left, wherever that is.
      const released = () => setTimeout(() => {
        this.#pressed = false;
      });
      for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, released, { once: true });
    });
  }

  /** @param {string} key */
  get(key) {
    return this.#rows.get(key)?.node;
  }

  /**
   * Show these, in this order.
   *
   * @param {Item[]} items
   * @param {(item: Item) => string} keyOf
   */
  show(items, keyOf) {
    this.#order = items.map(keyOf);
    items.forEach((item, index) => {
      const key = /** @type {string} */ (this.#order[index]);
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = this.make(item, key);
        this.#rows.set(key, row);
      }
      row.show(item);
    });
    this.#arrange();
  }

  #arrange() {
    clearTimeout(this.#retry);
    const wanted = this.#order.map((key) => /** @type {Row<Item>} */ (this.#rows.get(key)).node);
    if (wanted.length === this.box.childElementCount && wanted.every((node, index) => node === this.box.children[index])) return;
    if (!this.#pressed) this.#move(wanted);
    if (wanted.length === this.box.childElementCount && wanted.every((node, index) => node === this.box.children[index])) return;
    this.#retry = setTimeout(() => this.#arrange(), RETRY_MS);
  }

  /** @param {HTMLElement[]} wanted */
  #move(wanted) {
    const kept = new Set(wanted);
    const focused = /** @type {HTMLElement | null} */ (this.box.contains(document.activeElement) ? document.activeElement : null);
    const successor = focused === null ? null : this.#successor(focused, kept);
    for (const [key, { node }] of this.#rows) {
      if (kept.has(node) || inUse(node)) continue;
      node.remove();
      this.#rows.delete(key);
    }
    // From the end, each before its neighbour; what has the focus or is in use stays, and the others go around it.
    wanted.reduceRight((/** @type {HTMLElement | null} */ next, node) => {
      const fixed = node.parentNode === this.box && (node.contains(focused) || inUse(node));
      if (!fixed && (node.parentNode !== this.box || node.nextElementSibling !== next)) this.box.insertBefore(node, next);
      return node;
    }, null);
    // Who works down the list by the keyboard goes on in it.
    if (focused !== null && !focused.isConnected) successor?.focus();
  }

  /**
   * Where the focus goes when its row leaves: into the next row that stays, or the one before.
   *
   * @param {HTMLElement} focused
   * @param {Set<Element>} kept
   */
  #successor(focused, kept) {
    const rows = [...this.box.children];
    const at = rows.findIndex((node) => node.contains(focused));
    const next = [...rows.slice(at + 1), ...rows.slice(0, Math.max(at, 0)).reverse()].find((node) => kept.has(node));
    if (next === undefined) return null;
    return /** @type {HTMLElement | null} */ (next.matches("[tabindex]") ? next : next.querySelector("button:not([hidden]), a[href]"));
  }
}

/** Whether somebody types or selects here. @param {Element} node */
function inUse(node) {
  const active = document.activeElement;
  if (active !== null && node.contains(active) && active.matches("input, textarea, select")) return true;
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && selection.containsNode(node, true);
}
