/** Deaths, serious injuries and direct loss of an incident (伤亡损失): shown, typed, confirmed in words and sent; what is not known is not zero. */

import { h } from "../dom.js";
import { ask } from "./dialog.js";

/** @typedef {{deaths: number | null, injuries: number | null, loss: number | null}} Toll loss in yuan */
/** @typedef {keyof Toll} Figure */

/** The loss is typed and shown in 万元. */
export const LOSS_UNIT_YUAN = 10_000;
export const FIGURES = /** @type {const} */ (["deaths", "injuries", "loss"]);
export const UNKNOWN = Object.freeze({ deaths: null, injuries: null, loss: null });

/**
 * A figure as it was typed; full-width digits are digits.
 *
 * @param {Figure} name persons are whole, the loss is in 万元
 * @param {string} text
 * @returns {number | null | undefined} null: not known; undefined: no figure
 */
export function parseFigure(name, text) {
  const plain = text.normalize("NFKC").trim();
  if (plain === "") return null;
  if (!(name === "loss" ? /^\d{1,9}(\.\d{1,4})?$/ : /^\d{1,7}$/).test(plain)) return undefined;
  return name === "loss" ? Math.round(Number(plain) * LOSS_UNIT_YUAN) : Number(plain);
}

/** A figure as it is typed. @param {Figure} name @param {number | null | undefined} value */
export function typedFigure(name, value) {
  if (value === null || value === undefined) return "";
  return String(name === "loss" ? value / LOSS_UNIT_YUAN : value);
}

/**
 * @param {Record<Figure, string>} typed
 * @returns {{toll: Toll} | {wrong: Figure}} wrong: the first field that holds no figure
 */
export function parseToll(typed) {
  /** @type {Toll} */
  const toll = { ...UNKNOWN };
  for (const name of FIGURES) {
    const figure = parseFigure(name, typed[name]);
    if (figure === undefined) return { wrong: name };
    toll[name] = figure;
  }
  return { toll };
}

/**
 * A field for a figure: text, since the arrow keys and the wheel change a number's field unseen.
 *
 * @param {string} id
 * @param {Figure} name
 */
export function figureInput(id, name) {
  return /** @type {HTMLInputElement} */ (h("input.input.number", { id, type: "text", inputmode: name === "loss" ? "decimal" : "numeric", maxlength: 14, autocomplete: "off" }));
}

/** The figures that are above zero now and were not before. @param {Toll} before @param {Toll} after */
export function firstFigures(before, after) {
  return FIGURES.filter((name) => (after[name] ?? 0) > 0 && (before[name] ?? 0) === 0);
}

/**
 * Ask in words before a first figure above zero goes on record; true at once when there is none.
 *
 * @param {import("./words.js").DeskWords} words
 * @param {Toll} before
 * @param {Toll} after
 * @param {(Node | string)[]} about
 */
export async function confirmToll(words, before, after, about) {
  const first = firstFigures(before, after);
  if (first.length === 0) return true;
  const said = first.map((name) => words.t(`toll.said.${name}`, { n: typedFigure(name, after[name]) })).join(words.t("comma"));
  // The way back has the focus: the Enter that sent the form, pressed twice, must not confirm.
  const answer = await ask(words.t("toll.confirm", { said }), about, [
    { value: "", text: words.t("toll.back") },
    { value: "confirm", text: words.t("toll.yes", { said }), kind: "primary" },
  ]);
  return answer === "confirm";
}
