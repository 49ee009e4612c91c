/** The newest entries of the journal, newest first; an entry of an incident leads to it. */

import { Rows, h, put, write } from "../dom.js";

/** @typedef {import("../topics.js").JournalEvent} JournalEvent */

export class Journal {
  #revision = -1;
  #newest = 0;

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   * @param {(incident: string) => void} chosen
   */
  constructor(box, desk, chosen) {
    this.desk = desk;
    this.chosen = chosen;
    this.list = h("ol.journal", { "aria-label": desk.words.t("journal.heading"), tabindex: 0 });
    this.empty = h("p.desk-empty", { hidden: true }, desk.words.t("journal.none"));
    box.append(this.list, this.empty);
    this.rows = new Rows(this.list, (/** @type {JournalEvent} */ event) => this.#row(event));
  }

  draw() {
    const { model } = this.desk;
    const revision = model.revision("journal", "incidents");
    if (revision === this.#revision) return;
    this.#revision = revision;
    this.rows.show(model.topics.journal, (event) => String(event.id));
    put(this.list, "hidden", model.topics.journal.length === 0);
    put(this.empty, "hidden", model.topics.journal.length > 0 || !model.known);
    this.#newest = model.topics.journal[0]?.id ?? 0;
  }

  /** An entry never changes; only whether its incident can still be gone to. @param {JournalEvent} event */
  #row(event) {
    const { model, words, page } = this.desk;
    const text = event.summary[page.lang];
    const time = h("time.number", { datetime: new Date(event.at).toISOString() });
    const said = event.topic === "incidents" ? h("button.journal__link", { type: "button", dir: "auto" }, text) : h("span", { dir: "auto" }, text);
    said.addEventListener("click", () => {
      if (model.topics.incidents[event.subject] !== undefined) this.chosen(event.subject);
    });
    const node = h("li", { "data-changed": this.#newest > 0 && event.id > this.#newest }, time, said, h("span.quiet.journal__who", {}, event.actor));
    return {
      node,
      show: () => {
        write(time, words.moment(event.at, this.desk.now()));
        put(said, "disabled", event.topic === "incidents" && model.topics.incidents[event.subject] === undefined);
      },
    };
  }
}
