/**
 * What every view of the wall is given; types only.
 *
 * @typedef {{
 *   model: import("../model.js").Model,
 *   words: import("../words.js").Words,
 *   now: number | null,
 *   clock: number,
 *   link: import("../staleness.js").State,
 *   heardAt: number | null,
 *   scene: string,
 *   least: number,
 * }} Moment now: the server's clock (epoch ms), null before its first word; clock: milliseconds that only grow; heardAt: the server's clock at its last word;
 *   least: the smallest text, CSS pixels
 * @typedef {{draw: (moment: Moment) => void}} View
 */
export {};
