/** A tile: what it is, its value, its age and its state, written where people and checkers look. */

import { h, put, write } from "../dom.js";
import { LATIN } from "../words.js";

/**
 * @typedef {import("../staleness.js").State} State
 * @typedef {import("../words.js").Words} Words
 */

/**
 * Write a tile's hooks.
 *
 * @param {Element} node
 * @param {{value: string | number | null, at: number | null, state: State, sign?: string | null}} facts `at` in epoch milliseconds
 */
export function stamp(node, facts) {
  put(node, "data-value", facts.value ?? "");
  put(node, "data-at", facts.at === null ? "" : new Date(facts.at).toISOString());
  put(node, "data-state", facts.state);
  put(node, "data-sign", facts.sign);
}

/** The mark of a state: a shape (style sheet) and, beside it, the age in words. */
export class AgeMark {
  constructor() {
    this.shape = h("span.state", { "aria-hidden": "true" });
    this.text = h("span.age");
    this.node = h("span.aged", {}, this.shape, this.text);
  }

  /**
   * @param {Words} words
   * @param {State} state
   * @param {number | null} ageMs
   * @param {boolean} [measured] whether it is the age of a sensor's value
   */
  show(words, state, ageMs, measured = true) {
    this.say(state, words.age(state, ageMs, measured));
  }

  /**
   * The same in words of one's own, where an age means something else than a late sensor.
   *
   * @param {State} state
   * @param {string} text
   */
  say(state, text) {
    put(this.node, "data-state", state);
    write(this.text, text);
  }
}

/** A panel with a title, an age, a body, and a line that says so when it is empty. */
export class Panel {
  /**
   * @param {string} tile name for data-tile
   * @param {string} title
   * @param {string} [className]
   */
  constructor(tile, title, className = "") {
    this.mark = new AgeMark();
    this.title = h("h2.panel-title", {}, title);
    this.note = h("span.panel-note");
    this.body = h("div.panel-body");
    this.empty = h("p.panel-empty", { hidden: true });
    this.node = h(`section.tile${className}`, { "data-tile": tile }, h("header.panel-head", {}, this.title, this.note, this.mark.node), this.body, this.empty);
  }

  /**
   * @param {Words} words
   * @param {{value: string | number | null, at: number | null, state: State, now: number | null, measured?: boolean}} facts measured: the age is that of a sensor's value
   */
  show(words, facts) {
    stamp(this.node, facts);
    this.mark.show(words, facts.state, facts.at === null || facts.now === null ? null : facts.now - facts.at, facts.measured ?? false);
  }

  /** @param {string | null} text */
  sayEmpty(text) {
    put(this.empty, "hidden", text === null);
    put(this.body, "hidden", text !== null);
    if (text !== null) write(this.empty, text);
  }
}

/** What is wrong with a sensor: a shape (style sheet) and its word; a silent one says so by the mark of its age. */
export class SignMark {
  constructor() {
    this.text = h("span");
    this.node = h("span.sign", { hidden: true }, h("span.sign-shape", { "aria-hidden": "true" }), this.text);
  }

  /**
   * @param {Words} words
   * @param {import("./risk.js").Judgement} judgement
   */
  show(words, { sign }) {
    put(this.node, "data-sign", sign);
    put(this.node, "hidden", sign === null || sign === "missing");
    write(this.text, sign === null ? "" : words.t(`sign.${sign}`));
  }
}

/**
 * The badge of an incident's level: its Roman number, coloured by the style sheet.
 *
 * @param {string} [className]
 */
export function badge(className = "") {
  return h(`span.level${className}`, {}, h("span.numeral"), h("span.level-name"));
}

/**
 * @param {Element} node
 * @param {Words} words
 * @param {number} level 0 hides it
 * @param {string} [name] beside the number
 */
export function showLevel(node, words, level, name = "") {
  put(node, "data-level", level || null);
  put(node, "hidden", level === 0);
  const numeral = /** @type {Element} */ (node.firstChild);
  write(numeral, words.roman(level));
  put(numeral, "data-latin", LATIN[level]);
  write(/** @type {Node} */ (node.lastChild), name);
}
