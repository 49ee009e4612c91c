/** The choice of layout: a small menu above the controls, and a key that goes through them. */

import { LAYOUTS } from "./layouts.js";
import { setTheatre } from "./theatre.js";
import { byId } from "./text.js";

/** @typedef {import("./layouts.js").Layout} Layout */

export class LayoutMenu {
  /** @param {import("./tiles.js").Tiles} tiles */
  constructor(tiles) {
    this.tiles = tiles;
    this.menu = byId("layouts", HTMLElement);
    this.choices = [...this.menu.querySelectorAll("button")];
    for (const choice of this.choices) choice.addEventListener("click", () => this.choose(/** @type {Layout} */ (choice.dataset.layout)));
    document.addEventListener("pointerdown", (event) => {
      if (!this.menu.hidden && event.target instanceof Element && !event.target.closest("#layouts, [data-action=layout]")) this.close();
    });
  }

  toggle() {
    this.menu.hidden = !this.menu.hidden;
    this.draw();
    if (!this.menu.hidden) this.choices.find((one) => one.getAttribute("aria-pressed") === "true")?.focus();
  }

  close() {
    this.menu.hidden = true;
  }

  next() {
    this.choose(LAYOUTS[(LAYOUTS.indexOf(this.tiles.layout) + 1) % LAYOUTS.length]);
  }

  /** @param {Layout} layout */
  choose(layout) {
    this.tiles.setLayout(layout);
    this.close();
    this.draw();
  }

  /** As it was left last time. */
  draw() {
    for (const choice of this.choices) choice.setAttribute("aria-pressed", String(choice.dataset.layout === this.tiles.layout));
    document.body.dataset.layout = this.tiles.layout;
    setTheatre(this.tiles.layout === "command");
  }
}
