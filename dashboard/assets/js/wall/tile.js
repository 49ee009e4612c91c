/** A tile: what it is, its value, its age and its state, written where people and checkers look. */

import { h, put, write } from "../dom.js";

/**
 * @typedef {import("../staleness.js").State} State
 * @typedef {import("../words.js").Words} Words
 */

/**
 * Write a tile's hooks.
 *
 * @param {Element} node
 * @param {{value: string | number | null, at: number | null, state: State, risk?: number}} facts `at` in epoch milliseconds
 */
export function stamp(node, facts) {
  put(node, "data-value", facts.value ?? "");
  put(node, "data-at", facts.at === null ? "" : new Date(facts.at).toISOString());
  put(node, "data-state", facts.state);
  put(node, "data-risk", facts.risk ? facts.risk : null);
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
   */
  show(words, state, ageMs) {
    this.say(state, words.age(state, ageMs));
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
   * @param {{value: string | number | null, at: number | null, state: State, now: number | null}} facts
   */
  show(words, facts) {
    stamp(this.node, facts);
    this.mark.show(words, facts.state, facts.at === null || facts.now === null ? null : facts.now - facts.at);
  }

  /** @param {string | null} text */
  sayEmpty(text) {
    put(this.empty, "hidden", text === null);
    put(this.body, "hidden", text !== null);
    if (text !== null) write(this.empty, text);
  }
}

/**
 * The badge of a level: its Roman number, coloured by the style sheet.
 *
 * @param {string} [className]
 */
export function badge(className = "") {
  return h(`span.level${className}`);
}

/**
 * @param {Element} node
 * @param {Words} words
 * @param {number} level 0 hides it
 * @param {string} [text] instead of the number
 */
export function showLevel(node, words, level, text) {
  put(node, "data-level", level || null);
  put(node, "hidden", level === 0);
  write(node, text ?? words.roman(level));
}
