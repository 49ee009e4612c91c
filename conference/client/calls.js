/** Roll call (点名): every expected site, present or missing since when and why; a host rings those who are missing. */

import { button, made, setText } from "./draw.js";
import { tell, tellError } from "./notice.js";
import { byId, config, span, t } from "./text.js";

/** @typedef {import("./wire.js").Call} Call */

/** How many missing sites are named in the head of the page. */
const NAMED_MAX = 3;

export class Calls {
  /** @param {import("./commands.js").Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.list = byId("calls-list", HTMLUListElement);
    this.count = byId("calls-count", HTMLElement);
    this.head = byId("present", HTMLElement);
    this.callAll = byId("call", HTMLButtonElement);
    this.callAll.addEventListener("click", () => void this.#call().catch(tellError));
    this.drawn = "";
  }

  /** @param {import("./wire.js").Roster} roster @param {boolean} host @param {number} now server's clock */
  show(roster, host, now) {
    const calls = roster.rollcall ?? [];
    const missing = calls.filter((one) => one.state === "missing");
    this.callAll.hidden = !host || calls.length === 0;
    setText(this.count, calls.length === 0 ? "" : `${calls.length - missing.length}/${calls.length}`);
    this.head.hidden = calls.length === 0;
    this.head.dataset.all = String(missing.length === 0);
    const names = missing.slice(0, NAMED_MAX).map((one) => nameOf(one)).join(t("room.calls.and"));
    const values = { here: calls.length - missing.length, all: calls.length, names, n: missing.length };
    setText(this.head, t(missing.length === 0 ? "room.calls.all_here" : missing.length > NAMED_MAX ? "room.calls.many_missing" : "room.calls.some_missing", values));
    // Spans of time grow by the minute; a draw that changes nothing would take the focus away.
    const text = JSON.stringify([calls, roster.rings, host, Math.floor(now / 60_000)]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.list.replaceChildren(...[...missing, ...calls.filter((one) => one.state === "present")].map((one) => this.#line(one, roster.rings?.[one.site], host, now)));
  }

  /** @param {Call} call @param {import("./wire.js").Ring | undefined} ring @param {boolean} host @param {number} now */
  #line(call, ring, host, now) {
    const line = made("li", "");
    line.dataset.site = call.site;
    line.dataset.state = call.state;
    const ringing = ring?.state === "ringing";
    line.dataset.ringing = String(ringing);
    const why = call.state === "present" ? "present" : ringing ? "ringing" : (call.why ?? "never_came");
    line.append(made("strong", "", nameOf(call)), made("small", "", t(`room.calls.${why}`, { since: call.since === null ? "" : span(now - call.since) })));
    if (host && call.state === "missing") {
      const actions = made("div", "people__do");
      const ringIt = button(t(ringing ? "room.calls.rings" : "room.calls.ring"), () => void this.commands.ring(call.site).catch(tellError));
      ringIt.disabled = ringing;
      ringIt.setAttribute("aria-label", t("room.calls.ring_who", { name: nameOf(call) }));
      actions.append(ringIt);
      line.append(actions);
    }
    return line;
  }

  async #call() {
    await this.commands.rollCall();
    tell(t("room.calls.kept"), "good");
  }
}

/** @param {Call} call */
export function nameOf(call) {
  return call.name[config.lang] || call.name.zh;
}
