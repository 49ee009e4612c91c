/** Roll call (点名): every expected site, present or missing since when and why; a host rings those who are missing. */

import { button, made, setText } from "./draw.js";
import { tell, tellError } from "./notice.js";
import { byId, config, span, t } from "./text.js";

/** @typedef {import("./wire.js").Call} Call */

/** A screen that is on says so sooner, also over a weak line. */
const HEARD_MS = 1500;
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
    /** @type {() => void} draws once more what was shown last */
    this.again = () => undefined;
    /** @type {Map<string, number>} sites whose ring no screen has shown yet, and since when that is known here */
    this.unheard = new Map();
  }

  /** @param {import("./wire.js").Roster} roster @param {boolean} host @param {number} now server's clock */
  show(roster, host, now) {
    const at = performance.now();
    this.again = () => this.show(roster, host, now + performance.now() - at);
    this.#follow(roster.rings ?? {}, at);
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
    const reached = [...this.unheard.values()].map((since) => at - since < HEARD_MS);
    const text = JSON.stringify([calls, roster.rings, reached, host, Math.floor(now / 60_000)]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.list.replaceChildren(...[...missing, ...calls.filter((one) => one.state === "present")].map((one) => this.#line(one, roster.rings?.[one.site], host, now)));
  }

  /** @param {Call} call @param {import("./wire.js").Ring | undefined} ring @param {boolean} host @param {number} now */
  #line(call, ring, host, now) {
    const line = made("li", "");
    line.dataset.site = call.site;
    line.dataset.state = call.state;
    const ringing = ring?.state === "ringing" || ring?.state === "unheard";
    line.dataset.ringing = String(ringing);
    const why = call.state === "present" ? "present" : !ringing ? (call.why ?? "never_came") : this.#isUnheard(call.site, ring) ? "unheard" : "ringing";
    line.dataset.why = why;
    line.append(made("strong", "", nameOf(call)), made("small", "", t(`room.calls.${why}`, { since: call.since === null ? "" : span(now - call.since) })));
    if (host && call.state === "missing") {
      const actions = made("div", "people__do");
      const ringIt = button(t(ringing ? "room.calls.rings" : "room.calls.ring"), () => void this.#ring(call).catch(tellError));
      ringIt.disabled = ringing;
      ringIt.setAttribute("aria-label", t("room.calls.ring_who", { name: nameOf(call) }));
      actions.append(ringIt);
      line.append(actions);
    }
    return line;
  }

  /** @param {Call} call */
  async #ring(call) {
    const { contact } = await this.commands.ring(call.site);
    setTimeout(() => {
      if (this.unheard.has(call.site)) tell(t("room.calls.telephone", { name: nameOf(call), contact }));
    }, HEARD_MS);
  }

  /** @param {Record<string, import("./wire.js").Ring>} rings @param {number} at */
  #follow(rings, at) {
    const before = this.unheard;
    this.unheard = new Map(Object.entries(rings).filter(([, ring]) => ring.state === "unheard").map(([site]) => [site, before.get(site) ?? at]));
    if ([...this.unheard.values()].includes(at)) setTimeout(() => this.again(), HEARD_MS + 1);
  }

  /** Whether it rings, and no screen of the site has shown that in time. @param {string} site @param {import("./wire.js").Ring | undefined} ring */
  #isUnheard(site, ring) {
    return ring?.state === "unheard" && performance.now() - (this.unheard.get(site) ?? Infinity) >= HEARD_MS;
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
