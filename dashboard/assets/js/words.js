/** The page's language: texts from its catalogue, names, numbers, times and ages; pure once made. */

import { span } from "./staleness.js";
import { ZoneTimes } from "./zone.js";

/** In English text the letters: the numerals of Chinese type are as wide as a Chinese character. */
const ROMAN = { zh: ["", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"], en: ["", "I", "II", "III", "IV"] };

/** @typedef {import("./topics.js").Words} Both */

export class Words {
  /**
   * @param {"zh" | "en"} lang
   * @param {Record<string, string>} messages
   * @param {string} timezone IANA name
   */
  constructor(lang, messages, timezone) {
    this.lang = lang;
    this.messages = messages;
    this.times = new ZoneTimes(lang, timezone);
  }

  /**
   * The text of `wall.<key>` with its places filled; an unknown key shows itself, so that it is noticed.
   *
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   */
  t(key, values = {}) {
    const template = this.messages[`wall.${key}`] ?? key;
    return template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  }

  /** @param {string} key */
  has(key) {
    return `wall.${key}` in this.messages;
  }

  /** @param {Both | null | undefined} both */
  name(both) {
    if (!both) return "";
    return (this.lang === "en" ? both.en || both.zh : both.zh) || both.en || "";
  }

  /** @param {number} level */
  roman(level) {
    return ROMAN[this.lang][level] ?? "";
  }

  /**
   * @param {number | null} value
   * @param {number} decimals
   */
  number(value, decimals) {
    if (value === null || !Number.isFinite(value)) return "—";
    const text = value.toFixed(Math.min(6, Math.max(0, decimals)));
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  /** @param {number} ms how long ago, or how long yet */
  span(ms) {
    const { count, unit } = span(ms);
    return this.t(`span.${unit}`, { n: count });
  }

  /** @param {number} ms */
  ago(ms) {
    return this.t("ago", { span: this.span(ms) });
  }

  /** @param {number} at */
  time(at) {
    return this.times.time(at);
  }

  /** @param {number} at */
  minute(at) {
    return this.times.minute(at);
  }

  /** @param {number} at */
  day(at) {
    return this.times.day(at);
  }

  /**
   * The hour and minute, with the day when it is not within the last or next half day.
   *
   * @param {number} at
   * @param {number} now
   */
  moment(at, now) {
    return this.times.moment(at, now);
  }

  /**
   * The age of a value, in the words of its state.
   *
   * @param {import("./staleness.js").State} state
   * @param {number | null} ms
   */
  age(state, ms) {
    if (ms === null) return this.t("age.never");
    return this.t(`age.${state}`, { span: this.span(ms) });
  }
}
