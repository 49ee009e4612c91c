/** The list of all who take part, and what a host can do with each. */

import { icon } from "./tiles.js";
import { byId, t } from "./text.js";

export class People {
  /** @param {{mute: (participant: string) => void, remove: (participant: string) => void}} actions */
  constructor(actions) {
    this.actions = actions;
    this.panel = byId("people", HTMLElement);
    this.title = byId("people-title", HTMLHeadingElement);
    this.list = byId("people-list", HTMLUListElement);
    this.drawn = "";
  }

  /** @param {import("./wire.js").Participant[]} people @param {string} me @param {boolean} host */
  show(people, me, host) {
    const text = JSON.stringify([people, me, host]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.title.textContent = t("room.people.title", { n: people.length });
    this.list.replaceChildren(...people.map((who) => this.#line(who, who.participant === me, host)));
  }

  /** @param {import("./wire.js").Participant} who @param {boolean} own @param {boolean} host */
  #line(who, own, host) {
    const line = document.createElement("li");
    line.dataset.participant = who.participant;
    const name = document.createElement("strong");
    name.textContent = own ? t("room.tile.you", { name: who.name }) : who.name;
    const about = document.createElement("small");
    about.textContent = [t(`room.role.${who.role}`), t(who.connected ? "room.people.here" : "room.people.gone"), ...(who.muted ? [t("room.tile.muted")] : [])].join(" · ");
    line.append(name, about);
    if (host && !own) {
      const actions = document.createElement("div");
      actions.className = "people__do";
      const silence = document.createElement("button");
      silence.className = "button";
      silence.disabled = who.muted || who.role === "listener";
      silence.append(icon("icon-mic-off", t("room.people.mute", { name: who.name })));
      silence.addEventListener("click", () => this.actions.mute(who.participant));
      const out = document.createElement("button");
      out.className = "button";
      out.textContent = "×";
      out.setAttribute("aria-label", t("room.people.remove", { name: who.name }));
      out.title = t("room.people.remove", { name: who.name });
      out.addEventListener("click", () => this.actions.remove(who.participant));
      actions.append(silence, out);
      line.append(actions);
    }
    return line;
  }
}
