/** The newest entries of the journal, newest first; an entry of an incident leads to it. */

import { h } from "../dom.js";

export class Journal {
  #newest = -1;

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   * @param {(incident: string) => void} chosen
   */
  constructor(box, desk, chosen) {
    this.desk = desk;
    this.chosen = chosen;
    this.list = h("ol.journal", { "aria-label": desk.words.t("journal.heading"), tabindex: 0 });
    box.append(this.list);
  }

  draw() {
    const { model, words, page } = this.desk;
    const newest = model.topics.journal[0]?.id ?? 0;
    if (newest === this.#newest) return;
    const before = this.#newest;
    this.#newest = newest;
    if (newest === 0) {
      this.list.replaceChildren(h("li.desk-empty", {}, words.t("journal.none")));
      return;
    }
    this.list.replaceChildren(
      ...model.topics.journal.map((event) => {
        const text = event.summary[page.lang];
        const about = event.topic === "incidents" && model.topics.incidents[event.subject] !== undefined;
        const said = about ? h("button.journal__link", { type: "button" }, text) : h("span", {}, text);
        if (about) said.addEventListener("click", () => this.chosen(event.subject));
        return h("li", { "data-changed": before > 0 && event.id > before }, h("time.number", { datetime: new Date(event.at).toISOString() }, words.moment(event.at, this.desk.now())), said, h("span.quiet.journal__who", {}, event.actor));
      }),
    );
  }
}
