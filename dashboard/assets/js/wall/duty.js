/** The duty scene's shift: who leads, who answers, until when, who comes next. */

import { h, put, write } from "../dom.js";
import { shiftState } from "../staleness.js";
import { textWidth } from "./projection.js";
import { Panel } from "./tile.js";

/** Names longer than this, in Chinese characters, are set smaller. */
const LONG_NAME = 5;

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("../topics.js").Shift} Shift
 */

export class DutyPanel {
  /**
   * @param {HTMLElement} box
   * @param {import("../words.js").Words} words
   * @param {"shift" | "next"} which
   */
  constructor(box, words, which) {
    this.which = which;
    this.panel = new Panel(which === "shift" ? "duty" : "duty-next", words.t(`duty.${which}`), `.panel-duty.${which}`);
    this.people = ["leader", "officer"].map((role) => {
      const name = h("span.person-name");
      const phone = h("span.person-phone");
      return { role, name, phone, node: h("div.person", {}, h("span.label", {}, words.t(`duty.${role}`)), name, phone) };
    });
    this.times = h("div.shift-times");
    this.panel.body.append(...this.people.map(({ node }) => node), this.times);
    box.append(this.panel.node);
  }

  /** @param {Moment} moment */
  draw({ words, model, now, link, heardAt }) {
    const shift = model.topics.duty[this.which];
    this.panel.sayEmpty(shift === null ? words.t(`duty.empty.${this.which}`) : null);
    if (shift === null) {
      this.panel.show(words, { value: "", at: heardAt, state: link, now });
      return;
    }
    const current = this.which === "shift";
    const at = current ? Math.max(shift.starts, shift.changed_at) : shift.changed_at;
    const state = current ? shiftState(link, now, shift.ends) : link;
    this.panel.show(words, { value: shift.officer?.name ?? "", at, state, now });
    this.panel.mark.say(state, now === null ? "" : words.t(current && shift.starts >= shift.changed_at ? "duty.since" : "duty.changed", { span: words.span(now - at) }));
    for (const { role, name, phone } of this.people) {
      const person = role === "leader" ? shift.leader : shift.officer;
      write(name, person?.name || words.t("duty.nobody"));
      put(name, "data-long", textWidth(person?.name ?? "") > LONG_NAME);
      write(phone, person?.phone ?? "");
    }
    if (now === null) return;
    const edge = current ? shift.ends : shift.starts;
    const span = words.span(Math.abs(edge - now));
    const stage = current ? (edge >= now ? "until" : "overdue") : "from";
    write(this.times, words.t(`duty.${stage}`, { from: words.moment(shift.starts, now), to: words.moment(shift.ends, now), span }));
  }
}
