/** A question to the officer, or something to read: a native dialog that keeps the keyboard and gives it back. */

import { h } from "../dom.js";

/** @typedef {{value: string, text: string, kind?: "primary" | "danger" | "quiet"}} Choice */

/**
 * Show `content` under `title` and wait for a choice; the first choice has the focus, Escape gives null.
 *
 * @param {string} title
 * @param {(Node | string)[]} content
 * @param {Choice[]} choices
 * @returns {Promise<string | null>}
 */
export function ask(title, content, choices) {
  const buttons = choices.map(({ value, text, kind }) => {
    const button = /** @type {HTMLButtonElement} */ (h(`button.button${kind ? `.button--${kind}` : ""}`, { type: "button", value }, text));
    button.addEventListener("click", () => box.close(value));
    return button;
  });
  const box = /** @type {HTMLDialogElement} */ (
    h("dialog.desk-dialog", { "aria-label": title }, h("h2", {}, title), h("div.desk-dialog__body", {}, ...content), h("div.buttons", {}, ...buttons))
  );
  document.body.append(box);
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue || null);
    });
    box.showModal();
    buttons[0]?.focus();
  });
}
