/** The desk's texts, numbers and times in the reader's language. */

import { Words } from "../words.js";

/** Shapes of the levels, so that colour is never alone: the worse, the more corners point up. */
const SHAPES = ["", "◆", "▲", "■", "●"];

export class DeskWords extends Words {
  #stamp;

  /**
   * @param {"zh" | "en"} lang
   * @param {Record<string, string>} messages
   * @param {string} timezone IANA name
   */
  constructor(lang, messages, timezone) {
    super(lang, messages, timezone);
    this.#stamp = new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", {
      timeZone: timezone, hourCycle: "h23", month: lang === "zh" ? "long" : "short", day: "numeric", hour: "2-digit", minute: "2-digit",
    });
  }

  /** Day, hour and minute. @param {number} at epoch ms */
  stamp(at) {
    return this.#stamp.format(at);
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

  /** An amount without idle zeros. @param {number} amount */
  amount(amount) {
    return String(Math.round(amount * 100) / 100);
  }
}
