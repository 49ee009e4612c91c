/** The page's language: texts from its catalogue, names, numbers, times and ages; pure once made. */

import { span } from "./staleness.js";

const DAY_MS = 86_400_000;
const ROMAN = ["", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"];

/** @typedef {import("./topics.js").Words} Both */

export class Words {
  #time;
  #minute;
  #day;
  #stamp;

  /**
   * @param {"zh" | "en"} lang
   * @param {Record<string, string>} messages
   * @param {string} timezone IANA name
   */
  constructor(lang, messages, timezone) {
    this.lang = lang;
    this.messages = messages;
    const locale = lang === "zh" ? "zh-CN" : "en-GB";
    /** @type {Intl.DateTimeFormatOptions} */
    const base = { timeZone: timezone, hourCycle: "h23" };
    this.#time = new Intl.DateTimeFormat(locale, { ...base, hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.#minute = new Intl.DateTimeFormat(locale, { ...base, hour: "2-digit", minute: "2-digit" });
    this.#day = new Intl.DateTimeFormat(locale, { ...base, month: lang === "zh" ? "long" : "short", day: "numeric", weekday: "short" });
    this.#stamp = new Intl.DateTimeFormat(locale, { ...base, month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
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
    return ROMAN[level] ?? "";
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
    return this.#time.format(at);
  }

  /** @param {number} at */
  minute(at) {
    return this.#minute.format(at);
  }

  /** @param {number} at */
  day(at) {
    return this.#day.format(at);
  }

  /**
   * The hour and minute, with the day when it is not within the last or next half day.
   *
   * @param {number} at
   * @param {number} now
   */
  moment(at, now) {
    return Math.abs(now - at) < DAY_MS / 2 ? this.minute(at) : this.#stamp.format(at);
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
