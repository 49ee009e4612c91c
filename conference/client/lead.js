/** What a host leads the room with: who waits in the lobby, lock, lobby, push-to-talk, mute all. */

import { button, made } from "./draw.js";
import { tellError } from "./notice.js";
import { byId, t } from "./text.js";

/** @typedef {import("./wire.js").Rules} Rules */

export class Lead {
  /** @param {import("./commands.js").Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.tools = byId("lead", HTMLElement);
    this.waiting = byId("waiting", HTMLElement);
    this.list = byId("waiting-list", HTMLUListElement);
    /** @type {Rules} */
    this.rules = { locked: false, lobby: false, talk: "open", chat: "everyone" };
    this.tools.addEventListener("change", (event) => {
      if (event.target instanceof HTMLInputElement) void this.commands.rule(ruleOf(event.target)).catch((error) => this.#undo(error));
    });
    byId("mute-all", HTMLButtonElement).addEventListener("click", () => void this.commands.muteAll().catch(tellError));
  }

  /** @param {boolean} host @param {Rules} rules */
  show(host, rules) {
    this.rules = rules;
    this.tools.hidden = !host;
    byId("rule-locked", HTMLInputElement).checked = rules.locked;
    byId("rule-lobby", HTMLInputElement).checked = rules.lobby;
    byId("rule-floor", HTMLInputElement).checked = rules.talk === "floor";
    byId("rule-chat", HTMLInputElement).checked = rules.chat === "everyone";
  }

  /** @param {import("./wire.js").Waiting[]} people */
  wait(people) {
    this.waiting.hidden = people.length === 0;
    this.list.replaceChildren(
      ...people.map((who) => {
        const line = made("li", "");
        const actions = made("div", "people__do");
        /** @param {boolean} yes */
        const answer = (yes) => void this.commands.admit(who.participant, yes).catch(tellError);
        const admit = button(t("room.lobby.admit"), () => answer(true), "button--primary");
        const refuse = button(t("room.lobby.refuse"), () => answer(false));
        admit.setAttribute("aria-label", t("room.lobby.admit_who", { name: who.name }));
        refuse.setAttribute("aria-label", t("room.lobby.refuse_who", { name: who.name }));
        actions.append(admit, refuse);
        line.append(made("strong", "", who.name), made("small", "", t("room.lobby.waits")), actions);
        return line;
      }),
    );
  }

  /** The server said no: the switches show what is. @param {unknown} error */
  #undo(error) {
    this.show(true, this.rules);
    tellError(error);
  }
}

/** @param {HTMLInputElement} input @returns {Partial<Rules>} */
function ruleOf(input) {
  const on = input.checked;
  if (input.id === "rule-locked") return { locked: on };
  if (input.id === "rule-lobby") return { lobby: on };
  if (input.id === "rule-floor") return { talk: on ? "floor" : "open" };
  return { chat: on ? "everyone" : "speakers" };
}
