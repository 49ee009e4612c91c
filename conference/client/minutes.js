/** The minutes: what was decided, by whom it is done and until when; hosts write, nobody changes. */

import { parseDeadline } from "/assets/js/zone.js";
import { made } from "./draw.js";
import { tellError } from "./notice.js";
import { newSessionId } from "./session.js";
import { byId, config, t, times } from "./text.js";

/** @typedef {import("./wire.js").Minuted} Minuted */

export class Minutes {
  /** @param {import("./commands.js").Commands} commands */
  constructor(commands) {
    this.commands = commands;
    this.list = byId("minutes-list", HTMLOListElement);
    this.empty = byId("minutes-empty", HTMLElement);
    this.form = byId("minutes-form", HTMLFormElement);
    this.count = byId("minutes-count", HTMLElement);
    this.details = byId("minute-details", HTMLElement);
    this.names = byId("minute-names", HTMLDataListElement);
    this.offered = "";
    /** By how much the server's clock is ahead of this machine's, in milliseconds. */
    this.clockAhead = 0;
    /** Of the entry that is being written: however often it is sent, it is one. */
    this.id = newSessionId();
    /** @type {Set<string>} */
    this.known = new Set();
    this.due = byId("minute-due", HTMLInputElement);
    this.dueRead = byId("minute-due-read", HTMLElement);
    this.due.addEventListener("input", () => this.#readDue());
    this.form.addEventListener("change", () => this.#draw());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#write();
    });
  }

  /** @param {boolean} host @param {string[]} names whom a decision may name: the sites that are expected, and who is here */
  show(host, names) {
    this.form.hidden = !host;
    const text = JSON.stringify(names);
    if (text === this.offered) return;
    this.offered = text;
    this.names.replaceChildren(...[...new Set(names)].map((name) => new Option(name)));
  }

  /** @param {Minuted} entry */
  add(entry) {
    if (this.known.has(entry.id)) return;
    this.known.add(entry.id);
    const line = made("li", "");
    line.dataset.kind = entry.kind;
    const head = made("p", "chat__head");
    head.append(made("strong", "", t(`room.minutes.${entry.kind}`)), made("time", "", `${times.minute(entry.at)} · ${entry.by}`));
    line.append(head, made("p", "chat__text", entry.text));
    const about = [...(entry.who ? [t("room.minutes.by", { who: entry.who })] : []), ...(entry.due ? [t("room.minutes.until", { due: times.stamp(entry.due) })] : [])];
    if (about.length > 0) line.append(made("p", "minutes__about", about.join(" · ")));
    this.list.append(line);
    this.empty.hidden = true;
    this.count.textContent = String(this.known.size);
    this.list.scrollTop = this.list.scrollHeight;
  }

  #decides() {
    return new FormData(this.form).get("kind") === "decision";
  }

  #draw() {
    this.details.hidden = !this.#decides();
    // What is not shown must not hold the form back.
    this.#readDue();
  }

  /** The deadline that is typed, shown as it was understood; one that means none is not sent. @returns {number | null} epoch milliseconds */
  #readDue() {
    const text = this.due.value.trim();
    const due = text === "" ? null : parseDeadline(text, Date.now() + this.clockAhead, config.timezone);
    this.due.setCustomValidity(text !== "" && due === null && this.#decides() ? t("room.minutes.due_bad") : "");
    this.dueRead.textContent = due === null ? "" : times.stamp(due);
    return due;
  }

  async #write() {
    const asked = new FormData(this.form);
    const kind = asked.get("kind") === "decision" ? "decision" : "note";
    const who = String(asked.get("who") ?? "").trim();
    const due = this.#readDue();
    const decides = kind === "decision";
    try {
      await this.commands.minute({
        id: this.id,
        kind,
        text: String(asked.get("text")).trim(),
        ...(decides && who !== "" ? { who } : {}),
        ...(decides && due !== null ? { due } : {}),
      });
      this.id = newSessionId();
      this.form.reset();
      this.#draw();
    } catch (error) {
      tellError(error);
    }
  }
}
