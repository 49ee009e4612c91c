/** What the server told the page (room, language, texts), and texts with their places filled. */

import { ZoneTimes } from "/assets/js/zone.js";

/**
 * @typedef {{room: string, lang: "zh" | "en", title: string | null, name: string | null, link: string | null,
 *   timezone: string, role: import("./wire.js").Role | null, may_invite: boolean, may_write: boolean, video_slots: number, messages: Record<string, string>}} PageConfig
 */

const element = document.getElementById("fenghuo-page");
/** @type {PageConfig} */
export const config = JSON.parse(element?.textContent ?? "{}");

/**
 * A text of the catalogue; the key itself when there is none, so that a missing text is seen.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return (config.messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Whether there is a text of that key.
 * @param {string} key
 */
export function hasText(key) {
  return key in config.messages;
}

/**
 * A time span in the shortest clear words, such as 12 s or 3 min.
 * @param {number} milliseconds
 */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const unit = seconds < 100 ? "second" : seconds < 5400 ? "minute" : "hour";
  const count = seconds < 100 ? seconds : seconds < 5400 ? Math.round(seconds / 60) : Math.round(seconds / 3600);
  return new Intl.NumberFormat(config.lang === "zh" ? "zh-CN" : "en", { style: "unit", unit, unitDisplay: "short" }).format(count);
}

/**
 * An element of the page that must be there.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new (...ignored: any[]) => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`);
  return found;
}

/** Times in the township's zone, whatever this machine's is. */
export const times = new ZoneTimes(config.lang, config.timezone);

/** A rate as people say it. @param {number} kbps */
export function rateOf(kbps) {
  // No line check measures more, and nobody needs more.
  if (kbps >= 100_000) return "≥ 100 Mbit/s";
  if (kbps >= 10_000) return `${Math.round(kbps / 1000)} Mbit/s`;
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}
