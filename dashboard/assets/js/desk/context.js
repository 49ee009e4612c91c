/**
 * What every part of the desk is given; types only.
 *
 * @typedef {{
 *   lang: "zh" | "en", messages: Record<string, string>, timezone: string,
 *   me: {id: string, name: string, role: string, site: string | null}, may: Record<string, boolean>,
 *   grading: import("./grading.js").Threshold[], rooms: string, approve: string, confirm_h: number,
 * }} Page may: the permissions held, true for every site, false for one's own site only
 * @typedef {{
 *   page: Page, words: import("./words.js").DeskWords, model: import("../model.js").Model,
 *   may: (permission: string, site?: string | null) => boolean,
 *   now: () => number,
 *   say: (text: string, kind?: "good" | "bad") => void,
 * }} Desk may: without a site, at some site; null, for the whole township; now: the server's clock, epoch ms
 */
export {};
