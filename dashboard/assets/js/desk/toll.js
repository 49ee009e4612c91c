/** Deaths, serious injuries and direct loss of an incident (伤亡损失): shown, typed and sent; what is not known is not zero. */

import { h } from "../dom.js";

/** @typedef {{deaths: number | null, injuries: number | null, loss: number | null}} Toll loss in yuan */

/** The loss is typed and shown in 万元. */
export const LOSS_UNIT_YUAN = 10_000;
const NAMES = /** @type {const} */ (["deaths", "injuries", "loss"]);

/**
 * @param {string[]} typed deaths, injuries, and loss in 万元
 * @returns {Toll}
 */
export function tollOf(typed) {
  const [deaths = null, injuries = null, loss = null] = typed.map((text) => (text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text)));
  return { deaths, injuries, loss: loss === null ? null : loss * LOSS_UNIT_YUAN };
}

/**
 * The three figures as a row that can be corrected where it stands.
 *
 * @param {import("../words.js").Words} words
 * @param {Toll} toll
 * @param {((toll: Toll) => void) | null} change null: only to be read
 */
export function tollRow(words, toll, change) {
  const shown = { ...toll, loss: toll.loss === null ? null : toll.loss / LOSS_UNIT_YUAN };
  const inputs = NAMES.map((name) => /** @type {HTMLInputElement} */ (
    h("input.input.number", { id: `toll-${name}`, type: "number", min: 0, step: name === "loss" ? "any" : 1, inputmode: "decimal", autocomplete: "off",
      placeholder: words.t("toll.unknown"), value: shown[name], disabled: change === null, "data-action": `toll-${name}` })));
  const save = h("button.button", { type: "submit", "data-action": "toll" }, words.t("toll.save"));
  const form = /** @type {HTMLFormElement} */ (h("form.detail__toll", { "aria-label": words.t("toll.heading") },
    ...NAMES.map((name, index) => h("div.field", {}, h("label", { for: `toll-${name}` }, words.t(`intake.${name}`)), /** @type {HTMLElement} */ (inputs[index]))),
    ...(change === null ? [] : [save])));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    change?.(tollOf(inputs.map((input) => input.value)));
  });
  return form;
}

/** Whether the row holds something that was typed and not sent. @param {HTMLFormElement} row */
export function isTyped(row) {
  return [...row.querySelectorAll("input")].some((input) => input.value !== input.defaultValue);
}
