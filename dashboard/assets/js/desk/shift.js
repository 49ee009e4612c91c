/** Who is on duty now, until when, how to reach them, and who comes next. */

import { h, put, write } from "../dom.js";

/** @typedef {import("../topics.js").Officer} Officer */

const ROLES = /** @type {const} */ (["leader", "officer"]);

export class ShiftPanel {
  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   */
  constructor(box, desk) {
    this.desk = desk;
    const { words } = desk;
    this.people = ROLES.map((role) => {
      const name = h("strong", { dir: "auto" });
      const phone = h("a.number");
      return { role, name, phone, node: h("div", {}, h("dt", {}, words.t(`duty.${role}`)), h("dd", {}, name, " ", phone)) };
    });
    this.until = h("dd.number");
    this.nobody = h("p.banner.banner--warning", { hidden: true }, words.t("duty.nobody"));
    this.current = h("dl.facts.shift", { hidden: true }, ...this.people.map(({ node }) => node), h("div", {}, h("dt", {}, words.t("duty.until")), this.until));
    this.next = h("p.shift__next.muted");
    box.append(this.nobody, this.current, this.next);
  }

  draw() {
    const { model, words } = this.desk;
    const { shift, next } = model.topics.duty;
    // A shift ends by the clock, with no entry in the journal: past its end its successor has begun.
    const now = this.desk.now();
    const current = shift && shift.ends > now ? shift : next && next.starts <= now && next.ends > now ? next : null;
    const coming = next && next !== current && next.starts > now ? next : null;
    if (!model.known) return;
    put(this.nobody, "hidden", current !== null);
    put(this.current, "hidden", current === null);
    put(this.current, "data-shift", current?.id);
    for (const { role, name, phone } of this.people) {
      const person = current?.[role] ?? null;
      write(name, person?.name ?? "—");
      put(phone, "href", person?.phone ? `tel:${person.phone}` : null);
      write(phone, person?.phone ?? "");
    }
    write(this.until, current === null ? "" : words.stamp(current.ends));
    write(this.next, coming === null ? words.t("duty.next.none") : words.t("duty.next", { time: words.stamp(coming.starts), leader: coming.leader?.name ?? "—", officer: coming.officer?.name ?? "—" }));
  }
}
