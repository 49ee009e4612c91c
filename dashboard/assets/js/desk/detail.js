/** The selected incident: its facts, its level to be changed, its end, and its timeline from the journal. */

import { h } from "../dom.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";
import { whereOf } from "./incidents.js";
import { confirmToll, isTyped, tollRow } from "./toll.js";

/** @typedef {import("./incidents.js").Incident} Incident */
/** @typedef {import("../topics.js").JournalEvent} JournalEvent */

const TIMELINE_LIMIT = 200;

export class Detail {
  /** @type {string | null} */
  #id = null;
  #revision = -1;
  /** @type {JournalEvent[]} */
  #timeline = [];
  /** The level chosen and not yet confirmed. */
  #wanted = 0;
  /** The row of figures, kept while somebody types in it. @type {{id: string, node: HTMLFormElement} | null} */
  #figures = null;

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   * @param {(incident: Incident) => void} openRoom
   */
  constructor(box, desk, openRoom) {
    this.box = box;
    this.desk = desk;
    this.openRoom = openRoom;
  }

  /** @param {string} id */
  async show(id) {
    this.#wanted = 0;
    if (this.#id !== id) this.#timeline = [];
    this.#id = id;
    this.#revision = -1;
    this.draw();
    await this.#load(id);
  }

  /** @param {string} id */
  async #load(id) {
    const reply = await call("GET", `/incidents/${id}`);
    if (this.#id !== id || !reply.ok) return;
    const known = new Set(this.#timeline.map((event) => event.id));
    this.#timeline = [...this.#timeline, ...reply.body.timeline.filter((/** @type {JournalEvent} */ event) => !known.has(event.id))]
      .sort((a, b) => b.id - a.id)
      .slice(0, TIMELINE_LIMIT);
    this.#revision = -1;
    this.draw();
  }

  /** After a gap in the feed the timeline may lack something. */
  refresh() {
    if (this.#id !== null) void this.#load(this.#id);
  }

  /** @param {JournalEvent} event */
  event(event) {
    if (event.subject !== this.#id || this.#timeline.some((each) => each.id === event.id)) return;
    this.#timeline = [event, ...this.#timeline].slice(0, TIMELINE_LIMIT);
  }

  draw() {
    const { model, words } = this.desk;
    if (this.#revision === model.revision) return;
    this.#revision = model.revision;
    const incident = /** @type {Incident | undefined} */ (this.#id === null ? undefined : model.topics.incidents[this.#id]);
    if (incident === undefined) {
      this.box.replaceChildren(h("p.desk-empty", {}, words.t(this.#id === null ? "detail.none" : "detail.gone")));
      return;
    }
    const focused = document.activeElement?.closest("[data-action]")?.getAttribute("data-action");
    const inside = this.box.contains(document.activeElement);
    this.box.replaceChildren(this.#head(incident), this.#levels(incident), this.#toll(incident), this.#events());
    if (inside && focused) /** @type {HTMLElement | null} */ (this.box.querySelector(`[data-action="${focused}"]`))?.focus();
  }

  /** @param {Incident} incident */
  #head(incident) {
    const { words, model } = this.desk;
    const facts = /** @type {[string, string][]} */ ([
      ["class", words.t(`class.${incident.class}`)],
      ["where", whereOf(incident, words, model)],
      ["at", words.stamp(incident.at)],
      ["intake", [words.stamp(incident.opened_at), incident.by].filter((part) => part !== "").join(" · ")],
    ]);
    return h(
      "header.detail__head", {},
      h("p.detail__line", {}, h("span.level", { "data-level": incident.level }, `${words.shape(incident.level)} ${words.level(incident.level)}`), h("span.number.muted", {}, incident.number),
        h("span.badge", {}, words.t(`status.${incident.status}`)), this.#others(incident)),
      h("h3.detail__title", {}, incident.title),
      h("dl.facts", {}, ...facts.map(([name, text]) => h("div", {}, h("dt", {}, words.t(`detail.${name}`)), h("dd", {}, text)))),
    );
  }

  /** @param {Incident} incident */
  #levels(incident) {
    const { words } = this.desk;
    const row = h("div.detail__actions");
    if (incident.status === "open" && this.desk.may("incident.change", incident.site)) {
      const levels = h("div.detail__levels", { role: "group", "aria-label": words.t("detail.level") }, h("span.field__label", {}, words.t("detail.level")));
      for (const level of [1, 2, 3, 4]) {
        const now = level === incident.level;
        const button = h("button.button.level-button", { type: "button", "data-action": `level-${level}`, "aria-pressed": String(now), "data-wanted": level === this.#wanted },
          h("span.level", { "data-level": level }, `${words.shape(level)} ${words.roman(level)}`), words.t(`level.${level}`));
        button.addEventListener("click", () => {
          this.#wanted = now ? 0 : level;
          this.#revision = -1;
          this.draw();
          /** @type {HTMLElement | null} */ (this.box.querySelector("[data-action=confirm]"))?.focus();
        });
        levels.append(button);
      }
      row.append(levels);
      if (this.#wanted !== 0) {
        const wanted = this.#wanted;
        const key = wanted < incident.level ? "detail.raise" : "detail.lower";
        const confirm = h("button.button.button--primary", { type: "button", "data-action": "confirm" }, words.t(key, { level: words.level(wanted) }));
        confirm.addEventListener("click", () => void this.#change(incident, { level: wanted }));
        row.append(confirm);
      }
    }
    return row;
  }

  /** @param {Incident} incident */
  #toll(incident) {
    if (this.#figures?.id === incident.id && isTyped(this.#figures.node)) return this.#figures.node;
    const may = incident.status === "open" && this.desk.may("incident.change", incident.site);
    const node = tollRow(this.desk.words, incident, may ? {
      change: (toll) => void this.#count(incident, toll),
      wrong: (name) => this.desk.say(this.desk.words.t("toll.wrong", { name: this.desk.words.t(`intake.${name}`) }), "bad"),
    } : null);
    this.#figures = { id: incident.id, node };
    return node;
  }

  /** @param {Incident} incident @param {import("./toll.js").Toll} toll */
  async #count(incident, toll) {
    if (await confirmToll(this.desk.words, incident, toll, [h("p", {}, incident.title)])) await this.#change(incident, { toll });
  }

  /** What may be done beside the level. @param {Incident} incident */
  #others(incident) {
    const { words } = this.desk;
    const others = h("div.buttons");
    if (this.desk.may("room.open")) {
      const room = h("button.button", { type: "button", "data-action": "room" }, words.t("detail.room"));
      room.addEventListener("click", () => this.openRoom(incident));
      others.append(room);
    }
    if (incident.status === "open" && this.desk.may("incident.change", incident.site)) {
      const close = h("button.button", { type: "button", "data-action": "close" }, words.t("detail.close"));
      close.addEventListener("click", () => void this.#close(incident));
      others.append(close);
    }
    return others;
  }

  #events() {
    const { words, page } = this.desk;
    const list = h("ol.timeline", { "aria-label": words.t("detail.timeline") });
    for (const event of this.#timeline) {
      list.append(h("li", {}, h("time.number", { datetime: new Date(event.at).toISOString() }, words.stamp(event.at)), h("span", {}, event.summary[page.lang]), h("span.quiet", {}, event.actor)));
    }
    return h("section.detail__timeline", {}, h("h4.panel__title", {}, words.t("detail.timeline")), list);
  }

  /** @param {Incident} incident */
  async #close(incident) {
    const { words } = this.desk;
    const answer = await ask(words.t("close.title", { number: incident.number }), [h("p", {}, incident.title), h("p.muted", {}, words.t("close.text"))], [
      { value: "close", text: words.t("close.yes"), kind: "primary" },
      { value: "", text: words.t("cancel") },
    ]);
    if (answer === "close") await this.#change(incident, { status: "closed" });
  }

  /**
   * Send a change with the version that was on the screen; on a conflict show both and let the officer decide.
   *
   * @param {Incident} incident
   * @param {{level: number} | {status: "closed"} | {toll: import("./toll.js").Toll}} change
   */
  async #change(incident, change) {
    const { words } = this.desk;
    const reply = await call("PATCH", `/incidents/${incident.id}`, { ...change, version: incident.version });
    if (reply.ok) {
      if ("toll" in change) this.#figures = null;
      this.#wanted = 0;
      this.#revision = -1;
      this.draw();
      this.desk.say(words.t("change.done", { number: incident.number }), "good");
      return;
    }
    if (reply.problem.status !== 409) {
      this.desk.say(words.problem(reply.problem), "bad");
      return;
    }
    const latest = await call("GET", `/incidents/${incident.id}`);
    if (!latest.ok) {
      this.desk.say(words.problem(latest.problem), "bad");
      return;
    }
    const theirs = /** @type {Incident & {timeline: JournalEvent[]}} */ (latest.body);
    const told = (/** @type {number} */ level, /** @type {string} */ status) => `${words.level(level)} · ${words.t(`status.${status}`)}`;
    const mine = "level" in change ? told(change.level, incident.status) : "status" in change ? told(incident.level, change.status) : words.t("toll.heading");
    const by = theirs.timeline[0];
    const choices = theirs.status === "open" ? [{ value: "mine", text: words.t("conflict.mine") }] : [];
    const answer = await ask(
      words.t("conflict.title", { number: incident.number }),
      [
        h("dl.facts.facts--wide", {},
          h("div", {}, h("dt", {}, words.t("conflict.seen")), h("dd", {}, told(incident.level, incident.status))),
          h("div", {}, h("dt", {}, words.t("conflict.theirs", { who: by?.actor ?? "" })), h("dd", {}, told(theirs.level, theirs.status))),
          h("div", {}, h("dt", {}, words.t("conflict.yours")), h("dd", {}, mine))),
      ],
      [{ value: "", text: words.t("conflict.keep"), kind: "primary" }, ...choices],
    );
    this.#wanted = 0;
    this.#figures = null;
    this.#revision = -1;
    this.draw();
    if (answer === "mine") await this.#change(theirs, change);
  }
}
