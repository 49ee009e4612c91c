/** The newest events: as a list on the overview, and as one line at the foot of every scene. */

import { h, put, write } from "../dom.js";
import { RowList, lengths } from "./list.js";
import { Panel, badge, showLevel } from "./tile.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("../topics.js").JournalEvent} JournalEvent
 */

/** Topics whose events a room full of people needs to hear about; the rest is in the ticker only. */
const TOLD = new Set(["incidents", "alarms", "rooms", "duty", "resources", "system", "warnings"]);
const TICKER = 8;

export class EventsPanel {
  /** @type {Moment | null} */
  #moment = null;

  /** @param {HTMLElement} box @param {import("../words.js").Words} words */
  constructor(box, words) {
    this.panel = new Panel("events", words.t("events.title"), ".panel-events");
    box.append(this.panel.node);
    this.list = new RowList(this.panel.body, () => this.#row());
  }

  /** @param {Moment} moment */
  draw(moment) {
    this.#moment = moment;
    const { words, model, now, link, heardAt } = moment;
    const told = model.topics.journal.filter((event) => TOLD.has(event.topic));
    this.panel.show(words, { value: told[0]?.id ?? null, at: heardAt, state: link, now });
    this.panel.sayEmpty(told.length === 0 ? words.t("events.empty") : null);
    this.list.show(told.map((event) => [String(event.id), event]), moment.clock);
  }

  #row() {
    const level = badge();
    const title = h("span.event-title");
    const where = h("span.event-where");
    const age = h("span.event-age");
    const node = h("div.row.event", {}, h("div.line", {}, level, title), h("div.line", {}, where, age));
    /** @param {JournalEvent} event */
    const show = (event) => {
      const moment = this.#moment;
      if (moment === null) return;
      const { words, model, now } = moment;
      const incident = event.topic === "incidents" ? model.topics.incidents[event.subject] : undefined;
      showLevel(level, words, incident?.status === "open" ? incident.level : 0);
      const site = words.name(model.site(event.site)?.name);
      // An incident's title needs the whole line; what became of it stands below.
      const done = whatBecame(words, event);
      write(title, done === "" ? words.name(event.summary) : event.detail.title);
      write(where, [done, incident?.place || site, done === "" ? event.actor : ""].filter(Boolean).join(" · "));
      write(age, now === null ? "" : words.span(now - event.at));
      put(node, "data-new", now !== null && now - event.at < 60_000);
      return lengths(level, title, where, age);
    };
    return { node, show };
  }
}

/**
 * What became of an incident, where its title stands beside it; empty for events of another kind.
 *
 * @param {import("../words.js").Words} words
 * @param {JournalEvent} event
 */
export function whatBecame(words, event) {
  if (!words.has(`event.${event.kind}`) || typeof event.detail?.title !== "string") return "";
  const { number, from, level } = event.detail;
  return words.t(`event.${event.kind}`, { number, from: words.roman(from), level: words.roman(level) });
}

export class Ticker {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.items = Array.from({ length: TICKER }, () => {
      const age = h("span.tick-age");
      const text = h("span.tick-text");
      const node = h("span.tick", { hidden: true }, age, text);
      box.append(node);
      return { node, age, text };
    });
  }

  /** @param {Moment} moment */
  draw({ words, model, now }) {
    this.items.forEach(({ node, age, text }, index) => {
      const event = model.topics.journal[index];
      put(node, "hidden", event === undefined);
      if (event === undefined || now === null) return;
      write(age, words.span(now - event.at));
      write(text, words.name(event.summary));
    });
  }
}
