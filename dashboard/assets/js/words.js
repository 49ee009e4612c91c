/** The page's language: texts from its catalogue, names, numbers, times and ages; pure once made. */

import { span } from "./staleness.js";
import { ZoneTimes } from "./zone.js";

/** In English text the letters: the numerals of Chinese type are as wide as a Chinese character. */
const ROMAN = { zh: ["", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"], en: ["", "I", "II", "III", "IV"] };
/** The letters, for drawing on a badge. */
export const LATIN = Object.freeze(ROMAN.en);
/** No quantity that a township measures has so many digits: beyond it is a fault of the instrument, or of its mapping. */
const SHOWN_BELOW = 1e6;
/** Digits, point and sign of the longest number that columns are made for. */
const LONGEST = 8;

/** Whether a measured value can be shown and judged. @param {number} value */
export function showable(value) {
  return Number.isFinite(value) && Math.abs(value) < SHOWN_BELOW;
}

/** @typedef {import("./topics.js").Words} Both */

export class Words {
  #compact;

  /**
   * @param {"zh" | "en"} lang
   * @param {Record<string, string>} messages
   * @param {string} timezone IANA name
   */
  constructor(lang, messages, timezone) {
    this.lang = lang;
    this.messages = messages;
    this.times = new ZoneTimes(lang, timezone);
    this.#compact = new Intl.NumberFormat(lang === "zh" ? "zh-CN" : "en-GB", { notation: "compact", maximumSignificantDigits: 3 });
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
   * A measured value; one that cannot be true is named so, whole, instead of half its digits.
   *
   * @param {number | null} value
   * @param {number} decimals
   */
  number(value, decimals) {
    if (value === null || Number.isNaN(value)) return "—";
    if (!showable(value)) return this.t("out_of_range");
    const whole = Math.trunc(value).toString().length + (value < 0 && value > -1 ? 1 : 0);
    const text = value.toFixed(Math.max(0, Math.min(decimals, LONGEST - 1 - whole)));
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  /** An amount that people keep: millions are told in short. @param {number} amount */
  amount(amount) {
    return showable(amount) ? String(Math.round(amount * 100) / 100) : this.#compact.format(amount);
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
   * @param {boolean} [measured] whether it is a sensor's value that is missing when it is lost, or the server's word
   */
  age(state, ms, measured = true) {
    if (ms === null) return this.t("age.never");
    return this.t(`age.${state === "lost" && !measured ? "cut" : state}`, { span: this.span(ms) });
  }
}
