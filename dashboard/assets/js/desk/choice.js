/** One of four, by its digit, by arrow keys or by a click: the class and the level of an incident. */

import { h } from "../dom.js";

/** @typedef {{value: string, label: (Node | string)[], key: string}} Option */

export class Choice {
  /** @type {HTMLInputElement[]} */
  #inputs;

  /**
   * @param {string} name of the radio group
   * @param {string} legend
   * @param {Option[]} options
   * @param {{changed: () => void, done: () => void}} handlers done: chosen by its digit, the next field please
   */
  constructor(name, legend, options, handlers) {
    this.#inputs = [];
    const labels = options.map(({ value, label, key }) => {
      const input = /** @type {HTMLInputElement} */ (h("input", { type: "radio", name, value, id: `${name}-${value}` }));
      this.#inputs.push(input);
      return h("label.choice__option", { "data-value": value }, input, h("span.choice__face", {}, ...label, h("kbd.choice__key", { "aria-hidden": "true" }, key)));
    });
    this.message = h("p.field__error", { id: `${name}-error`, hidden: true });
    this.note = h("p.field__hint", { hidden: true });
    this.node = h(`fieldset.choice.choice--${name}`, { "aria-describedby": `${name}-error` }, h("legend.field__label", {}, legend), h("div.choice__row", {}, ...labels), this.note, this.message);
    this.node.addEventListener("change", () => handlers.changed());
    this.node.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const option = options.find((each) => each.key === event.key);
      if (option === undefined) return;
      event.preventDefault();
      this.value = option.value;
      handlers.changed();
      handlers.done();
    });
  }

  get value() {
    return this.#inputs.find((input) => input.checked)?.value ?? "";
  }

  set value(value) {
    for (const input of this.#inputs) input.checked = input.value === value;
  }

  focus() {
    (this.#inputs.find((input) => input.checked) ?? this.#inputs[0])?.focus();
  }
}
