/** Choosing a site by typing a few letters of its name. */

import { h, put, write } from "../dom.js";
import { matchSites } from "./match.js";

/** @typedef {import("../topics.js").Site} Site */

const SHOWN = 8;

export class SiteBox {
  /** @type {Site | null} */
  chosen = null;
  /** @type {Site[]} */
  #shown = [];
  #active = -1;

  /**
   * @param {string} id of the input
   * @param {import("./words.js").DeskWords} words
   * @param {() => Site[]} sites those that may be chosen
   * @param {() => Site[]} named those that what was written so far names
   * @param {{changed: () => void, done: () => void}} handlers done: chosen by Enter, the next field please
   */
  constructor(id, words, sites, named, handlers) {
    this.words = words;
    this.sites = sites;
    this.named = named;
    this.handlers = handlers;
    this.list = h("ul.site-list", { id: `${id}-list`, role: "listbox", hidden: true });
    this.input = /** @type {HTMLInputElement} */ (
      h("input.input", {
        id, role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": `${id}-list`, autocomplete: "off",
        placeholder: words.t("intake.site.placeholder"), maxlength: 60,
      })
    );
    this.node = h("div.site-box", {}, this.input, this.list);
    this.input.addEventListener("input", () => {
      this.chosen = null;
      this.#open();
      handlers.changed();
    });
    this.input.addEventListener("focus", () => {
      if (this.input.value === "" && this.named().length > 0) this.#open();
    });
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.input.addEventListener("blur", () => this.#settle());
    // Before the field loses the focus, or the list would be gone when the click arrives.
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const item = /** @type {Element} */ (event.target).closest("[data-index]");
      const site = this.#shown[Number(item?.getAttribute("data-index"))];
      if (site) this.#choose(site);
    });
  }

  /** What was typed names no site. */
  get unknown() {
    return this.chosen === null && this.input.value.trim() !== "";
  }

  /** @param {Site | null} site @param {string} [typed] */
  set(site, typed = "") {
    this.chosen = site;
    this.input.value = site ? this.words.name(site.name) : typed;
    this.#close();
  }

  #open() {
    const typed = this.input.value.trim();
    const named = typed === "" ? this.named() : [];
    // What the title names is offered: Enter takes it.
    this.#shown = (named.length > 0 ? named : matchSites(this.sites(), typed)).slice(0, SHOWN);
    this.#active = typed === "" && named.length === 0 ? -1 : 0;
    this.#draw();
  }

  #close() {
    this.#shown = [];
    this.#active = -1;
    this.#draw();
  }

  #draw() {
    const open = this.#shown.length > 0;
    put(this.list, "hidden", !open);
    put(this.input, "aria-expanded", String(open));
    const named = new Set(this.input.value.trim() === "" ? this.named() : []);
    put(this.input, "aria-activedescendant", open && this.#active >= 0 ? `${this.list.id}-${this.#active}` : null);
    this.list.replaceChildren(
      ...this.#shown.map((site, index) => {
        const item = h("li", { id: `${this.list.id}-${index}`, role: "option", "data-index": index, "aria-selected": String(index === this.#active) });
        write(item, this.words.name(site.name));
        if (named.has(site)) item.append(h("span.site-list__why", {}, this.words.t("intake.site.named")));
        return item;
      }),
    );
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.#shown.length === 0) this.#open();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const count = this.#shown.length;
      if (count > 0) this.#active = (this.#active + step + count + (this.#active < 0 && step < 0 ? 1 : 0)) % count;
      this.#draw();
    } else if (event.key === "Escape" && this.#shown.length > 0) {
      event.stopPropagation();
      this.#close();
    } else if (event.key === "Enter" && !event.ctrlKey && this.#shown.length > 0) {
      const site = this.#shown[this.#active];
      if (site === undefined) return;
      event.preventDefault();
      this.#choose(site);
      this.handlers.done();
    }
  }

  /** @param {Site} site */
  #choose(site) {
    this.set(site);
    this.handlers.changed();
  }

  /** The field is left: what fits best is meant. */
  #settle() {
    const best = this.#shown[Math.max(0, this.#active)];
    if (this.unknown && best) this.#choose(best);
    else this.#close();
  }

  /** Decide now, as leaving the field would: Ctrl+Enter sends from anywhere. */
  settle() {
    if (this.unknown && this.#shown.length === 0) this.#shown = matchSites(this.sites(), this.input.value).slice(0, 1);
    this.#settle();
  }
}
