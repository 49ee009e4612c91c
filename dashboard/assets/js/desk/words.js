/** The desk's texts, numbers and times in the reader's language. */

import { Words } from "../words.js";

/** Shapes of the levels, so that colour is never alone: the worse, the more corners point up. */
const SHAPES = ["", "◆", "▲", "■", "●"];

export class DeskWords extends Words {
  /** Day, hour and minute; with the year when it is far from `now`. @param {number} at epoch ms @param {number} [now] */
  stamp(at, now) {
    return this.times.stamp(at, now);
  }

  /**
   * @override
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   */
  t(key, values = {}) {
    const template = this.messages[`desk.${key}`] ?? key;
    return template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  }

  /**
   * @override
   * @param {string} key
   */
  has(key) {
    return `desk.${key}` in this.messages;
  }

  /** @param {number} level */
  shape(level) {
    return SHAPES[level] ?? "";
  }

  /** @param {number} level */
  level(level) {
    return `${this.roman(level)} ${this.t(`level.${level}`)}`;
  }

  /** What is wrong, in words, from an API's problem. @param {import("./api.js").Problem} problem */
  problem(problem) {
    if (this.has(`problem.${problem.code}`)) return this.t(`problem.${problem.code}`);
    return problem.title || this.t("problem.unknown", { status: problem.status });
  }

  /** A unit as readers of the language write it; one that the catalogue does not know stays as it is. @param {string} name */
  unit(name) {
    return this.has(`unit.${name}`) ? this.t(`unit.${name}`) : name;
  }
}
