/** Panels of which one is seen: chosen by click, arrow keys, or from outside. */

import { h, put } from "../dom.js";

export class Tabs {
  /** @type {string} */
  current = "";

  /**
   * @param {HTMLElement} bar
   * @param {[name: string, text: string, panel: HTMLElement][]} tabs
   */
  constructor(bar, tabs) {
    this.tabs = tabs.map(([name, text, panel]) => {
      const button = h("button.tab", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": panel.id }, text);
      put(panel, "role", "tabpanel");
      put(panel, "aria-labelledby", `tab-${name}`);
      button.addEventListener("click", () => this.show(name));
      bar.append(button);
      return { name, button, panel };
    });
    put(bar, "role", "tablist");
    bar.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (step === 0) return;
      const index = this.tabs.findIndex(({ name }) => name === this.current);
      const next = this.tabs[(index + step + this.tabs.length) % this.tabs.length];
      if (next === undefined) return;
      this.show(next.name);
      next.button.focus();
    });
    const first = this.tabs[0];
    if (first) this.show(first.name);
  }

  /** @param {string} wanted */
  show(wanted) {
    this.current = wanted;
    for (const { name, button, panel } of this.tabs) {
      put(button, "aria-selected", String(name === wanted));
      put(button, "tabindex", name === wanted ? 0 : -1);
      put(panel, "hidden", name !== wanted);
    }
  }
}
