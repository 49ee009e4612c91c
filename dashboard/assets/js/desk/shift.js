/** Who is on duty now, until when, how to reach them, and who comes next. */

import { h } from "../dom.js";

export class ShiftPanel {
  #drawn = "";

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   */
  constructor(box, desk) {
    this.box = box;
    this.desk = desk;
  }

  draw() {
    const { model, words } = this.desk;
    const { shift, next } = model.topics.duty;
    // A shift ends by the clock, with no entry in the journal: past its end its successor has begun.
    const now = this.desk.now();
    const current = shift && shift.ends > now ? shift : next && next.starts <= now && next.ends > now ? next : null;
    const coming = next && next !== current && next.starts > now ? next : null;
    const state = JSON.stringify([current, coming, model.known]);
    if (state === this.#drawn) return;
    this.#drawn = state;
    if (!model.known) return;
    const person = (/** @type {"leader" | "officer"} */ role, /** @type {import("../topics.js").Shift} */ of) =>
      h("div", {}, h("dt", {}, words.t(`duty.${role}`)), h("dd", {}, h("strong", {}, of[role]?.name ?? "—"), " ", h("a.number", { href: `tel:${of[role]?.phone ?? ""}` }, of[role]?.phone ?? "")));
    this.box.replaceChildren(
      current === null
        ? h("p.banner.banner--warning", {}, words.t("duty.nobody"))
        : h("dl.facts.shift", { "data-shift": current.id }, person("leader", current), person("officer", current), h("div", {}, h("dt", {}, words.t("duty.until")), h("dd.number", {}, words.stamp(current.ends)))),
      coming === null
        ? h("p.quiet", {}, words.t("duty.next.none"))
        : h("p.shift__next.muted", {}, words.t("duty.next", { time: words.stamp(coming.starts), leader: coming.leader?.name ?? "—", officer: coming.officer?.name ?? "—" })),
    );
  }
}
