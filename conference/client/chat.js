/** What people write to all. It is text, never markup. */

import { made } from "./draw.js";
import { tellError } from "./notice.js";
import { byId, t, times } from "./text.js";

/** @typedef {import("./wire.js").Said} Said */

/** The server's welcome brings as many; older ones are in the journal. */
const KEPT_MAX = 200;

export class Chat {
  /** @param {import("./commands.js").Commands} commands @param {(unread: number) => void} unread */
  constructor(commands, unread) {
    this.commands = commands;
    this.tell = unread;
    this.log = byId("chat-log", HTMLOListElement);
    this.form = byId("chat-form", HTMLFormElement);
    this.input = byId("chat-text", HTMLInputElement);
    this.empty = byId("chat-empty", HTMLElement);
    /** @type {Set<string>} */
    this.known = new Set();
    this.me = "";
    this.unread = 0;
    this.open = false;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#say();
    });
  }

  /** @param {boolean} open @param {boolean} may whether one may write */
  show(open, may) {
    this.open = open;
    this.form.hidden = !may;
    if (!open) return;
    this.unread = 0;
    this.tell(0);
    this.log.scrollTop = this.log.scrollHeight;
    this.input.focus();
  }

  /** @param {Said} said @param {boolean} [old] it was said before one came */
  add(said, old = false) {
    // After a lost wire the welcome tells again what is known.
    if (this.known.has(said.id)) return;
    this.known.add(said.id);
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    const line = made("li", said.participant === this.me ? "chat__own" : "");
    const head = made("p", "chat__head");
    head.append(made("strong", "", said.name), made("time", "", times.minute(said.at)));
    line.append(head, made("p", "chat__text", said.text));
    this.log.append(line);
    while (this.log.childElementCount > KEPT_MAX) this.log.firstElementChild?.remove();
    this.empty.hidden = true;
    if (atEnd || said.participant === this.me) this.log.scrollTop = this.log.scrollHeight;
    if (this.open || old || said.participant === this.me) return;
    this.unread += 1;
    this.tell(this.unread);
  }

  async #say() {
    const text = this.input.value.trim();
    if (text === "") return;
    this.input.value = "";
    try {
      await this.commands.say(text);
    } catch (error) {
      // What was written is not lost.
      if (this.input.value === "") this.input.value = text;
      tellError(error);
    }
  }
}

/** @param {number} n */
export function unreadWords(n) {
  return n === 0 ? "" : n > 99 ? "99+" : t("room.chat.unread", { n });
}
