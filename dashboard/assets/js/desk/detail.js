/** The selected incident: its facts, its level and figures to be changed, its end, and its timeline from the journal. */

import { Rows, h, put, write } from "../dom.js";
import { call } from "./api.js";
import { settle } from "./conflict.js";
import { ask } from "./dialog.js";
import { whereOf } from "./incidents.js";
import { FIGURES, confirmToll, figureInput, parseToll, typedFigure } from "./toll.js";

/** @typedef {import("./incidents.js").Incident} Incident */
/** @typedef {import("./versions.js").Change} Change */
/** @typedef {import("./toll.js").Toll} Toll */
/** @typedef {import("../topics.js").JournalEvent} JournalEvent */

const TIMELINE_LIMIT = 200;
const LEVELS = [1, 2, 3, 4];
const FACTS = /** @type {const} */ (["class", "where", "at", "intake"]);
/** Figures typed and not sent are kept for so many incidents at most. */
const TYPED_LIMIT = 20;

export class Detail {
  /** @type {string | null} */
  #id = null;
  #revision = -1;
  /** @type {JournalEvent[]} */
  #timeline = [];
  /** The level chosen and not yet confirmed, and the one that was on the screen then. @type {{level: number, seen: number} | null} */
  #wanted = null;
  /** The figures that were on the screen before anybody typed over them. @type {Toll} */
  #seen = { deaths: null, injuries: null, loss: null };
  /** What was typed into the figures of other incidents and not sent. @type {Map<string, {seen: Toll, typed: string[]}>} */
  #typed = new Map();

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   * @param {(incident: Incident) => void} openRoom
   */
  constructor(box, desk, openRoom) {
    this.desk = desk;
    const { words } = desk;
    this.empty = h("p.desk-empty");
    this.level = h("span.level");
    this.number = h("span.number.muted");
    this.status = h("span.badge");
    const button = (/** @type {string} */ action, /** @type {(incident: Incident) => void} */ run) => {
      const made = h("button.button", { type: "button", "data-action": action }, words.t(`detail.${action}`));
      made.addEventListener("click", () => this.#with(run));
      return made;
    };
    this.room = button("room", openRoom);
    this.end = button("close", (incident) => void this.#close(incident));
    this.title = h("h3.detail__title", { dir: "auto" });
    this.facts = FACTS.map((name) => ({ name, value: h("dd", { dir: "auto" }) }));
    this.levels = LEVELS.map((level) => {
      const made = h("button.button.level-button", { type: "button", "data-action": `level-${level}` },
        h("span.level", { "data-level": level }, `${words.shape(level)} ${words.roman(level)}`), words.t(`level.${level}`));
      made.addEventListener("click", () => this.#with((incident) => this.#want(incident, level)));
      return { level, button: made };
    });
    this.confirm = h("button.button.button--primary", { type: "button", "data-action": "confirm" });
    this.confirm.addEventListener("click", () => this.#with((incident) => void this.#raise(incident)));
    this.actions = h("div.detail__actions", {}, h("div.detail__levels", { role: "group", "aria-label": words.t("detail.level") },
      h("span.field__label", {}, words.t("detail.level")), ...this.levels.map(({ button: each }) => each)), this.confirm);
    this.inputs = FIGURES.map((name) => {
      const input = figureInput(`toll-${name}`, name);
      put(input, "placeholder", words.t("toll.unknown"));
      return { name, input };
    });
    this.save = h("button.button", { type: "submit", "data-action": "toll" }, words.t("toll.save"));
    this.figures = h("form.detail__toll", { "aria-label": words.t("toll.heading"), novalidate: true },
      ...this.inputs.map(({ name, input }) => h("div.field", {}, h("label", { for: input.id }, words.t(`intake.${name}`)), input)), this.save);
    this.figures.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#with((incident) => void this.#count(incident));
    });
    const timeline = h("ol.timeline", { "aria-label": words.t("detail.timeline") });
    this.events = new Rows(timeline, (/** @type {JournalEvent} */ event) => this.#event(event));
    this.whole = h("div.detail", { hidden: true },
      h("header.detail__head", {}, h("p.detail__line", {}, this.level, this.number, this.status, h("span.buttons", {}, this.room, this.end)), this.title,
        h("dl.facts", {}, ...this.facts.map(({ name, value }) => h("div", {}, h("dt", {}, words.t(`detail.${name}`)), value)))),
      this.actions, this.figures, h("section.detail__timeline", {}, h("h4.panel__title", {}, words.t("detail.timeline")), timeline));
    box.append(this.empty, this.whole);
  }

  /** @param {string} id */
  async show(id) {
    if (this.#id !== id) {
      this.#keepTyped();
      this.#timeline = [];
      this.#wanted = null;
      this.#id = id;
      const kept = this.#typed.get(id);
      this.#typed.delete(id);
      this.#seen = kept?.seen ?? { deaths: null, injuries: null, loss: null };
      this.inputs.forEach(({ name, input }, index) => {
        input.value = kept?.typed[index] ?? typedFigure(name, this.#seen[name]);
      });
    }
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
    this.#revision = -1;
  }

  draw() {
    const { model, words, may } = this.desk;
    const revision = model.revision("incidents", "sites");
    if (this.#revision === revision) return;
    this.#revision = revision;
    const incident = this.#incident();
    put(this.empty, "hidden", incident !== undefined);
    put(this.whole, "hidden", incident === undefined);
    write(this.empty, words.t(this.#id === null ? "detail.none" : "detail.gone"));
    if (incident === undefined) return;
    const now = this.desk.now();
    const changeable = incident.status === "open" && may("incident.change", incident.site);
    put(this.level, "data-level", incident.level);
    write(this.level, `${words.shape(incident.level)} ${words.level(incident.level)}`);
    write(this.number, incident.number);
    write(this.status, words.t(`status.${incident.status}`));
    put(this.room, "hidden", !may("room.open"));
    put(this.end, "hidden", !changeable);
    write(this.title, incident.title);
    const said = {
      class: words.t(`class.${incident.class}`), where: whereOf(incident, words, model), at: words.stamp(incident.at, now),
      intake: [words.stamp(incident.opened_at, now), incident.by].filter((part) => part !== "").join(" · "),
    };
    for (const { name, value } of this.facts) write(value, said[name]);
    put(this.actions, "hidden", !changeable);
    this.#drawLevels(incident);
    for (const { name, input } of this.inputs) {
      // What somebody typed stays; what nobody touched is what is known now.
      if (input.value === typedFigure(name, this.#seen[name])) {
        this.#seen[name] = incident[name];
        const text = typedFigure(name, incident[name]);
        if (input.value !== text) input.value = text;
      }
      input.disabled = !changeable;
    }
    put(this.save, "hidden", !changeable);
    this.events.show(this.#timeline, (event) => String(event.id));
  }

  /** @param {Incident} incident */
  #drawLevels(incident) {
    const { words } = this.desk;
    const wanted = this.#wanted?.level ?? incident.level;
    for (const { level, button } of this.levels) {
      put(button, "aria-pressed", String(level === incident.level));
      put(button, "data-wanted", level === wanted && level !== incident.level);
    }
    put(this.confirm, "hidden", wanted === incident.level);
    write(this.confirm, words.t(wanted < incident.level ? "detail.raise" : "detail.lower", { level: words.level(wanted) }));
  }

  /** @param {JournalEvent} event */
  #event(event) {
    const { words, page } = this.desk;
    const node = h("li", {}, h("time.number", { datetime: new Date(event.at).toISOString() }, words.stamp(event.at, this.desk.now())), h("span", { dir: "auto" }, event.summary[page.lang]), h("span.quiet", {}, event.actor));
    return { node, show: () => {} };
  }

  #incident() {
    return /** @type {Incident | undefined} */ (this.#id === null ? undefined : this.desk.model.topics.incidents[this.#id]);
  }

  /** @param {(incident: Incident) => void} run */
  #with(run) {
    const incident = this.#incident();
    if (incident !== undefined) run(incident);
  }

  /** @param {Incident} incident @param {number} level */
  #want(incident, level) {
    this.#wanted = level === incident.level ? null : { level, seen: incident.level };
    this.#drawLevels(incident);
    if (this.#wanted !== null) this.confirm.focus();
  }

  /** @param {Incident} incident */
  async #raise(incident) {
    if (this.#wanted === null) return;
    await this.#change(incident, { level: this.#wanted.level }, { ...incident, level: this.#wanted.seen });
  }

  /** @param {Incident} incident */
  async #close(incident) {
    const { words } = this.desk;
    const answer = await ask(words.t("close.title", { number: incident.number }), [h("p", { dir: "auto" }, incident.title), h("p.muted", {}, words.t("close.text"))], [
      { value: "close", text: words.t("close.yes"), kind: "primary" },
      { value: "", text: words.t("cancel") },
    ]);
    if (answer === "close") await this.#change(incident, { status: "closed" }, incident);
  }

  /** @param {Incident} incident */
  async #count(incident) {
    const { words } = this.desk;
    const [deaths = "", injuries = "", loss = ""] = this.inputs.map(({ input }) => input.value);
    const read = parseToll({ deaths, injuries, loss });
    if ("wrong" in read) {
      this.desk.say(words.t("toll.wrong", { name: words.t(`intake.${read.wrong}`) }), "bad");
      this.inputs.find(({ name }) => name === read.wrong)?.input.focus();
      return;
    }
    const seen = { ...incident, ...this.#seen };
    if (await confirmToll(words, seen, read.toll, [h("p", { dir: "auto" }, incident.title)])) await this.#change(incident, read.toll, seen);
  }

  /**
   * Send a change. Where somebody else changed the same incident meanwhile, both versions are shown and the officer chooses field by field.
   *
   * @param {Incident} incident as it is now
   * @param {Change} change
   * @param {Incident} seen as it was on the screen when the change was made
   */
  async #change(incident, change, seen) {
    if (!(await settle(this.desk, incident, change, seen, this.#timeline[0]?.actor ?? "")) || this.#id !== incident.id) return;
    this.#wanted = null;
    // What was typed has been sent or given up; the feed brings what holds.
    if (!("level" in change || "status" in change)) for (const { name, input } of this.inputs) input.value = typedFigure(name, this.#seen[name]);
    this.#revision = -1;
    this.draw();
  }

  /** Keep what was typed into the figures, for when the incident is selected again. */
  #keepTyped() {
    const typed = this.inputs.map(({ input }) => input.value);
    if (this.#id === null || this.inputs.every(({ name }, index) => typed[index] === typedFigure(name, this.#seen[name]))) return;
    this.#typed.set(this.#id, { seen: this.#seen, typed });
    for (const id of this.#typed.keys()) if (this.#typed.size > TYPED_LIMIT) this.#typed.delete(id);
  }
}
