/** The panel at the side: one of its tabs is open, or it is closed. */

import { byId } from "./text.js";

/** @typedef {"people" | "calls" | "chat" | "minutes"} Tab */

export class Panel {
  /** @param {(tab: Tab | null) => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.element = byId("panel", HTMLElement);
    /** @type {HTMLButtonElement[]} */
    this.tabs = [...this.element.querySelectorAll("button")].filter((one) => one.role === "tab" || one.getAttribute("role") === "tab");
    /** @type {Tab | null} */
    this.open = null;
    for (const tab of this.tabs) tab.addEventListener("click", () => this.show(nameOf(tab)));
    // As the pattern for tabs says: arrows go along, Tab leaves (WAI-ARIA Authoring Practices, "Tabs").
    this.element.querySelector("[role=tablist]")?.addEventListener("keydown", (event) => {
      const step = event instanceof KeyboardEvent ? { ArrowRight: 1, ArrowLeft: -1 }[event.key] : undefined;
      if (step === undefined) return;
      const shown = this.tabs.filter((tab) => !tab.hidden);
      const next = shown[(shown.findIndex((tab) => nameOf(tab) === this.open) + step + shown.length) % shown.length];
      this.show(nameOf(next));
      next.focus();
    });
  }

  /** @param {Tab} tab */
  toggle(tab) {
    this.show(this.open === tab ? null : tab);
  }

  /** @param {Tab | null} tab null closes */
  show(tab) {
    this.open = tab;
    this.element.hidden = tab === null;
    for (const one of this.tabs) {
      const chosen = nameOf(one) === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      byId(`tab-${nameOf(one)}`, HTMLElement).hidden = !chosen;
    }
    this.changed(tab);
  }
}

/** @param {HTMLElement} tab @returns {Tab} */
function nameOf(tab) {
  return /** @type {Tab} */ (tab.dataset.tab);
}
