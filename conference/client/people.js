/** The list of all who take part, in the order of raised hands, and what a host can do with each. */

import { icon, made } from "./draw.js";
import { tellError } from "./notice.js";
import { byId, span, t } from "./text.js";

/** Told again each minute for as long as it goes on (docs/room-protocol.md). */
const THROTTLED_MS = 90_000;

/** @typedef {import("./wire.js").Participant} Participant */
/**
 * By whom the list is seen, who may speak, and how everybody's line is.
 * @typedef {{me: string, host: boolean, floor: string | null, talk: string, now: number, lines: Map<string, import("./lines.js").Said>}} Seen
 */

export class People {
  /** @param {import("./commands.js").Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.list = byId("people-list", HTMLUListElement);
    this.count = byId("people-count", HTMLElement);
    this.drawn = "";
    /** @type {Map<string, number>} who was throttled, and when (epoch milliseconds) */
    this.throttled = new Map();
  }

  /** @param {string} participant who sent too much, or what they may not @param {number} at epoch milliseconds */
  offended(participant, at) {
    this.throttled.set(participant, at);
    this.drawn = "";
  }

  /**
   * @param {Participant[]} people
   * @param {Seen} seen
   */
  show(people, seen) {
    const text = JSON.stringify([people, { ...seen, now: 0, lines: [...seen.lines] }]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.count.textContent = String(people.filter((who) => who.connected).length);
    const hands = [...people].sort((a, b) => (a.hand ?? Infinity) - (b.hand ?? Infinity) || 0);
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    this.list.replaceChildren(...hands.map((who) => this.#line(who, seen)));
    // Drawn anew under the finger of whoever walks through with the keyboard.
    if (focused !== undefined) this.list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.parentElement?.querySelector("button")?.focus();
  }

  /** @param {Participant} who @param {Seen} seen */
  #line(who, { me, host, floor, talk, now, lines }) {
    const own = who.participant === me;
    const line = made("li", "");
    line.dataset.participant = who.participant;
    line.dataset.connected = String(who.connected);
    const name = made("strong", "", own ? t("room.tile.you", { name: who.name }) : who.name);
    const states = [t(`room.role.${who.role}`)];
    if (!who.connected) states.push(t(who.hidden ? "room.people.asleep" : "room.people.gone"));
    if (now - (this.throttled.get(who.participant) ?? -Infinity) < THROTTLED_MS) states.push(t("room.people.throttled"));
    if (who.participant === floor) states.push(t("room.tile.floor"));
    if (typeof who.hand === "number") states.push(t("room.people.hand", { since: span(now - who.hand) }));
    else if (who.muted && who.role !== "listener") states.push(t("room.tile.muted"));
    line.append(name, made("small", "", states.join(" · ")));
    const said = who.connected ? lines.get(who.participant) : undefined;
    if (said !== undefined) {
      const carries = made("small", "people__line");
      carries.append(...said.words.map((words) => made("span", "", words)));
      carries.dataset.weak = String(said.weak);
      line.append(carries);
    }
    const actions = made("div", "people__do");
    /** @param {string} key @param {string} iconId @param {() => Promise<unknown>} run */
    const add = (key, iconId, run) => {
      const words = t(`room.people.${key}`, { name: who.name });
      const one = made("button", "button");
      one.dataset.key = `${key}/${who.participant}`;
      one.title = words;
      one.append(icon(iconId, words));
      one.addEventListener("click", () => void run().catch(tellError));
      actions.append(one);
    };
    if (host && typeof who.hand === "number" && !own) add("lower", "icon-hand", () => this.commands.hand(false, who.participant));
    const mayPass = talk === "floor" && who.role !== "listener" && who.participant !== floor && !own && (host || floor === me);
    if (mayPass) add("pass", "icon-floor", () => this.commands.pass(who.participant));
    if (host && !own && who.role !== "listener") {
      if (who.muted) add("ask", "icon-mic", () => this.commands.askToUnmute(who.participant));
      else add("mute", "icon-mic-off", () => this.commands.mute(who.participant));
    }
    if (host && !own) add("remove", "icon-leave", () => (confirm(t("room.people.remove_sure", { name: who.name })) ? this.commands.remove(who.participant) : Promise.resolve()));
    if (actions.childElementCount > 0) line.append(actions);
    return line;
  }
}
