/** The intake form (接报): an incident in under a minute by the keyboard alone, a draft that survives a reload, and what still waits to be sent. */

import { Rows, h, put, write } from "../dom.js";
import { Choice } from "./choice.js";
import { SiteBox } from "./combobox.js";
import { suggestedLevel } from "./grading.js";
import { sitesNamed } from "./match.js";
import { FIGURES, UNKNOWN, confirmToll, figureInput, parseFigure, parseToll, typedFigure } from "./toll.js";
import { parsePast, typedMoment } from "../zone.js";
import { uuid7 } from "./uuid7.js";

/** @typedef {import("../topics.js").Site} Site */
/** @typedef {{id: string, title: string, cls: string, level: string, byHand: boolean, site: string | null, typed: string, place: string, time: string, deaths: string, injuries: string, loss: string}} Draft */

const CLASSES = ["natural", "accident", "health", "security"];
const LEVELS = [1, 2, 3, 4];
const TITLE_MAX = 120;
/** An Enter on the empty form so soon after sending is the second press of a double one. */
const DOUBLE_MS = 1000;

export class Intake {
  #id = uuid7();
  /** The level was chosen by a person: a suggestion no longer changes it. */
  #byHand = false;
  #sentAt = -Infinity;

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   * @param {import("./outbox.js").Outbox} outbox
   * @param {string} draftKey
   * @param {(id: string) => void} entered
   */
  constructor(box, desk, outbox, draftKey, entered) {
    this.desk = desk;
    this.outbox = outbox;
    this.draftKey = draftKey;
    this.entered = entered;
    const { words } = desk;
    const changed = () => this.#changed();
    this.title = /** @type {HTMLInputElement} */ (
      h("input.input.intake__title", { id: "intake-title", maxlength: TITLE_MAX, autocomplete: "off", "aria-describedby": "intake-title-error", placeholder: words.t("intake.title.placeholder") })
    );
    this.titleError = h("p.field__error", { id: "intake-title-error", hidden: true });
    this.cls = new Choice("class", words.t("intake.class"), CLASSES.map((value, index) => ({ value, key: String(index + 1), label: [words.t(`class.${value}`)] })), {
      changed,
      // Always the level, whatever the class: the digit that follows must never fall into a count of people.
      done: () => this.level.focus(),
    });
    this.level = new Choice(
      "level",
      words.t("intake.level"),
      LEVELS.map((level) => ({
        value: String(level),
        key: String(level),
        label: [h("span.level", { "data-level": level }, `${words.shape(level)} ${words.roman(level)}`), words.t(`level.${level}`)],
      })),
      { changed: () => { this.#byHand = true; changed(); }, done: () => this.site.input.focus() },
    );
    this.figures = { deaths: figureInput("intake-deaths", "deaths"), injuries: figureInput("intake-injuries", "injuries"), loss: figureInput("intake-loss", "loss") };
    for (const name of FIGURES) put(this.figures[name], "placeholder", words.t("toll.unknown"));
    this.figuresError = h("p.field__error", { hidden: true });
    this.site = new SiteBox("intake-site", words, () => this.#sites(), () => sitesNamed(this.#sites(), this.title.value), { changed, done: () => this.place.focus() });
    this.siteError = h("p.field__error", { hidden: true });
    this.place = /** @type {HTMLInputElement} */ (h("input.input", { id: "intake-place", maxlength: TITLE_MAX, autocomplete: "off", placeholder: words.t("intake.place.placeholder") }));
    this.time = /** @type {HTMLInputElement} */ (h("input.input", { id: "intake-time", maxlength: 20, autocomplete: "off", placeholder: words.t("intake.time.placeholder"), "aria-describedby": "intake-time-note" }));
    this.timeNote = h("p.field__hint", { id: "intake-time-note" });
    this.waiting = h("ul.outbox", { "aria-live": "polite" });
    this.entries = new Rows(this.waiting, (/** @type {import("./outbox.js").Entry} */ entry) => this.#waits(entry));
    this.said = h("p.intake__said", { role: "status" });
    this.form = h(
      "form.form.intake", { novalidate: true, "aria-label": words.t("intake.heading") },
      h("div.field", {}, h("label", { for: "intake-title" }, words.t("intake.title")), this.title, this.titleError),
      this.cls.node,
      this.level.node,
      h("div.intake__pair", {},
        h("div.field", {}, h("label", { for: "intake-site" }, words.t("intake.site")), this.site.node, this.siteError),
        h("div.field", {}, h("label", { for: "intake-time" }, words.t("intake.time")), this.time, this.timeNote)),
      h("div.field", {}, h("label", { for: "intake-place" }, words.t("intake.place")), this.place),
      h("div.intake__figures", { role: "group", "aria-label": words.t("toll.heading") }, ...FIGURES.map((name) => field(words.t(`intake.${name}`), this.figures[name]))),
      this.figuresError,
      h("div.intake__send", {}, h("button.button.button--primary", { type: "submit", id: "intake-send" }, words.t("intake.send")), h("span.quiet", {}, words.t("intake.send.key"))),
      this.said,
    );
    box.append(this.form, this.waiting);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
        event.preventDefault();
        void this.#send();
      }
    });
    this.form.addEventListener("input", changed);
    this.#restore();
    this.drawOutbox();
  }

  focus() {
    this.title.focus();
    this.title.select();
  }

  /** Say that the server has it. @param {import("../topics.js").Incident} incident */
  recorded(incident) {
    write(this.said, this.desk.words.t("intake.recorded", { number: incident.number }));
    put(this.said, "data-good", true);
  }

  /** The clock went on, or the sites came: what depends on them. */
  tick() {
    this.#drawTime();
    if (this.site.unknown) this.#restoreSite();
    if (this.site.chosen === null && this.site.input.value === "" && this.#own() !== null) this.site.set(this.#own());
  }

  #sites() {
    const { desk } = this;
    return Object.values(desk.model.topics.sites).filter((site) => desk.may("incident.create", site.id)).sort((a, b) => a.code.localeCompare(b.code));
  }

  /** The only site that this person may enter for, if it is one. */
  #own() {
    if (this.desk.may("incident.create", null)) return null;
    return this.#sites()[0] ?? null;
  }

  #changed() {
    const { words } = this.desk;
    const suggested = this.cls.value === "accident" ? suggestedLevel(this.desk.page.grading, this.#counted()) : null;
    if (suggested !== null && !this.#byHand) this.level.value = String(suggested);
    put(this.level.note, "hidden", suggested === null);
    put(this.level.note, "data-differs", suggested !== null && this.level.value !== String(suggested));
    if (suggested !== null) write(this.level.note, words.t("intake.suggested", { level: words.level(suggested) }));
    for (const node of [this.titleError, this.cls.message, this.level.message, this.siteError, this.figuresError]) put(node, "hidden", true);
    put(this.title, "aria-invalid", null);
    put(this.said, "data-good", null);
    write(this.said, "");
    this.#drawTime();
    this.#keepDraft();
  }

  #drawTime() {
    const { desk } = this;
    const now = desk.now();
    const typed = this.time.value.trim();
    const at = typed === "" ? now : parsePast(typed, now, desk.page.timezone);
    write(this.timeNote, at === null ? desk.words.t("intake.time.unclear") : desk.words.t(typed === "" ? "intake.time.now" : "intake.time.means", { time: desk.words.stamp(at, now) }));
    put(this.timeNote, "data-wrong", at === null);
  }

  /** Check, have a first figure confirmed, hand to the outbox, and be ready for the next one. */
  async #send() {
    const { desk } = this;
    const { words } = desk;
    this.site.settle();
    const now = desk.now();
    const at = this.time.value.trim() === "" ? now : parsePast(this.time.value, now, desk.page.timezone);
    const title = this.title.value.trim();
    const read = parseToll(this.#typedFigures());
    if (title === "" && this.#isEmpty() && performance.now() - this.#sentAt < DOUBLE_MS) {
      this.title.focus();
    } else if (title === "") {
      complain(this.titleError, words.t("intake.title.missing"));
      put(this.title, "aria-invalid", "true");
      this.title.focus();
    } else if (this.cls.value === "") {
      complain(this.cls.message, words.t("intake.class.missing"));
      this.cls.focus();
    } else if (this.level.value === "") {
      complain(this.level.message, words.t("intake.level.missing"));
      this.level.focus();
    } else if (this.site.unknown) {
      complain(this.siteError, words.t("intake.site.unknown"));
      this.site.input.focus();
    } else if (at === null) {
      this.time.focus();
    } else if ("wrong" in read) {
      complain(this.figuresError, words.t("toll.wrong", { name: words.t(`intake.${read.wrong}`) }));
      this.figures[read.wrong].focus();
    } else if (!(await confirmToll(words, UNKNOWN, read.toll, this.#asked(title)))) {
      this.figures.deaths.focus();
    } else {
      const body = { title, class: this.cls.value, level: Number(this.level.value), site: this.site.chosen?.id ?? null, place: this.place.value.trim(), at, ...read.toll };
      if (this.outbox.add(this.#id, body, now)) {
        this.#sentAt = performance.now();
        this.entered(this.#id);
        this.#clear();
      } else complain(this.titleError, words.t("intake.outbox.full"));
      this.title.focus();
    }
  }

  /** What is asked about when figures are confirmed: the incident, and the level where the figures make it another. @param {string} title */
  #asked(title) {
    const { words } = this.desk;
    const asked = [h("p", {}, `${words.level(Number(this.level.value))} · ${title}`)];
    if (this.level.note.dataset["differs"] === "") asked.push(h("p.muted", {}, this.level.note.textContent ?? ""));
    return asked;
  }

  #typedFigures() {
    const { deaths, injuries, loss } = this.figures;
    return { deaths: deaths.value, injuries: injuries.value, loss: loss.value };
  }

  /** What the figures come to for the suggestion of a level; what is unknown or no figure counts nothing. */
  #counted() {
    const [deaths = 0, injuries = 0, loss = 0] = FIGURES.map((name) => parseFigure(name, this.figures[name].value) ?? 0);
    return { deaths, injuries, loss };
  }

  /** Nothing was typed or chosen beside the title. */
  #isEmpty() {
    return [this.cls.value, this.level.value, this.place.value.trim(), ...Object.values(this.#typedFigures())].every((value) => value === "");
  }

  #clear() {
    this.#fill({ id: uuid7(), title: "", cls: "", level: "", byHand: false, site: null, typed: "", place: "", time: "", deaths: "", injuries: "", loss: "" });
    this.#changed();
    this.tick();
  }

  /** @param {Draft} draft */
  #fill(draft) {
    this.#id = draft.id;
    this.title.value = draft.title;
    this.cls.value = draft.cls;
    this.level.value = draft.level;
    this.#byHand = draft.byHand;
    this.site.set(this.desk.model.site(draft.site) ?? null, draft.site ?? draft.typed);
    this.place.value = draft.place;
    this.time.value = draft.time;
    for (const name of FIGURES) this.figures[name].value = draft[name];
  }

  #keepDraft() {
    /** @type {Draft} */
    const draft = {
      id: this.#id, title: this.title.value, cls: this.cls.value, level: this.level.value, byHand: this.#byHand, site: this.site.chosen?.id ?? null,
      typed: this.site.input.value, place: this.place.value, time: this.time.value, ...this.#typedFigures(),
    };
    try {
      localStorage.setItem(this.draftKey, JSON.stringify(draft));
    } catch (error) {
      console.warn("the draft cannot be kept", error);
    }
  }

  #restore() {
    try {
      const draft = JSON.parse(localStorage.getItem(this.draftKey) ?? "null");
      if (draft !== null && typeof draft.id === "string" && Object.values(draft).every((value) => value === null || typeof value !== "object")) {
        this.#fill(draft);
        if (draft.title !== "") write(this.said, this.desk.words.t("intake.restored"));
      }
    } catch (error) {
      console.warn("the draft cannot be read", error);
    }
    const said = this.said.textContent ?? "";
    this.#changed();
    write(this.said, said);
  }

  /** A draft names its site by id; the site's name is known when the first snapshot has come. */
  #restoreSite() {
    const known = this.desk.model.site(this.site.input.value);
    if (known && document.activeElement !== this.site.input) this.site.set(known);
  }

  /** Show what waits to be sent, and what the server refused. */
  drawOutbox() {
    this.entries.show(this.outbox.entries(), (entry) => entry.id);
  }

  /** @param {import("./outbox.js").Entry} first */
  #waits(first) {
    const { words } = this.desk;
    const title = h("strong", { dir: "auto" });
    const said = h("span");
    // In a window of its own: what stands in this one stays.
    const login = h("a.button", { href: "/login?next=/", target: "_blank", rel: "noopener" }, words.t("login.again"));
    const edit = h("button.button", { type: "button" }, words.t("outbox.edit"));
    const drop = h("button.button.button--quiet", { type: "button" }, words.t("outbox.drop"));
    edit.addEventListener("click", () => this.#edit(first.id));
    drop.addEventListener("click", () => this.outbox.take(first.id));
    const buttons = h("div.buttons", {}, login, edit, drop);
    const node = h("li.outbox__entry", {}, title, said, buttons);
    return {
      node,
      /** @param {import("./outbox.js").Entry} entry */
      show: (entry) => {
        const state = entry.refused ? "refused" : entry.tries === 0 ? "sending" : entry.waits;
        put(node, "data-state", state);
        write(title, String(entry.body.title));
        write(said, entry.refused ? words.problem(entry.refused) : words.t(`outbox.${state}`, { tries: entry.tries }));
        put(buttons, "hidden", state !== "refused" && state !== "login");
        put(login, "hidden", state !== "login");
        for (const button of [edit, drop]) put(button, "hidden", state !== "refused");
      },
    };
  }

  /** @param {string} id */
  #edit(id) {
    const entry = this.outbox.take(id);
    if (entry === undefined) return;
    const { body } = entry;
    const text = (/** @type {unknown} */ value) => (value === null || value === undefined ? "" : String(value));
    this.#fill({
      id, title: text(body.title), cls: text(body.class), level: text(body.level), byHand: true, site: typeof body.site === "string" ? body.site : null,
      typed: "", place: text(body.place), time: typeof body.at === "number" ? typedMoment(body.at, this.desk.page.timezone) : "",
      deaths: text(body.deaths), injuries: text(body.injuries), loss: typedFigure("loss", typeof body.loss === "number" ? body.loss : null),
    });
    this.#changed();
    this.tick();
    this.focus();
  }
}

/** @param {HTMLElement} node @param {string} text */
function complain(node, text) {
  write(node, text);
  put(node, "hidden", false);
}

/** @param {string} text @param {HTMLElement} input */
function field(text, input) {
  return h("div.field", {}, h("label", { for: input.id }, text), input);
}
