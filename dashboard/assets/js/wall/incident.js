/** The incident scene: one grave incident, what is known of it, what happened so far, and which measurements lie around it. */

import { h, put, write } from "../dom.js";
import { whatBecame } from "./events.js";
import { RowList, lengths } from "./list.js";
import { textWidth } from "./projection.js";
import { arrow, meaning, unitOf } from "./sensors.js";
import { AgeMark, Panel, SignMark, badge, showLevel, stamp } from "./tile.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("./sensors.js").Sensed} Sensed
 * @typedef {import("../topics.js").Incident} Incident
 * @typedef {import("../topics.js").JournalEvent} JournalEvent
 */

const LINES = 30;
/** Titles longer than this, in Chinese characters, are set smaller. */
const LONG_TITLE = 24;

export class IncidentScene {
  /** @type {Moment | null} */
  #moment = null;
  /** Events of the incident since this page saw it; the journal's forty newest are soon full of others. @type {Map<number, JournalEvent>} */
  #lines = new Map();
  #incident = "";

  /** @param {HTMLElement} head @param {HTMLElement} log @param {HTMLElement} near @param {import("../words.js").Words} words */
  constructor(head, log, near, words) {
    this.badge = badge(".grave");
    this.title = h("h2.incident-title");
    this.where = h("p.incident-where");
    this.since = h("p.incident-since");
    this.node = h("section.tile.panel-incident", { "data-tile": "incident" }, this.badge, h("div.incident-text", {}, this.title, this.where), this.since);
    head.append(this.node);
    this.log = new Panel("incident-log", words.t("incident.log"), ".panel-log");
    log.append(this.log.node);
    this.logList = new RowList(this.log.body, () => this.#logRow());
    this.near = new Panel("incident-near", words.t("incident.near"), ".panel-near");
    near.append(this.near.node);
    this.nearList = new RowList(this.near.body, () => this.#nearRow());
  }

  /** @param {Moment} moment @param {Sensed[]} sensed @param {Incident | undefined} incident */
  draw(moment, sensed, incident) {
    this.#moment = moment;
    const { words, model, now, link, heardAt } = moment;
    if (incident === undefined) return;
    if (incident.id !== this.#incident) {
      this.#incident = incident.id;
      this.#lines = new Map();
    }
    for (const event of model.topics.journal) if (event.subject === incident.id) this.#lines.set(event.id, event);
    const lines = [...this.#lines.values()].sort((a, b) => b.id - a.id).slice(0, LINES);
    this.#lines = new Map(lines.map((line) => [line.id, line]));
    stamp(this.node, { value: incident.number, at: heardAt, state: link });
    put(this.node, "data-level", incident.level);
    showLevel(this.badge, words, incident.level, words.t(`level.${incident.level}`));
    write(this.title, incident.title);
    put(this.title, "data-long", textWidth(incident.title) > LONG_TITLE);
    const site = words.name(model.site(incident.site)?.name);
    write(this.where, [words.t(`class.${incident.class}`), incident.place || site, words.t("incident.number", { number: incident.number }), words.t("incident.by", { by: incident.by }), ...toll(words, incident)].filter(Boolean).join(" · "));
    write(this.since, now === null ? "" : words.t("incident.since", { span: words.span(now - incident.at), at: words.moment(incident.at, now) }));
    this.log.show(words, { value: lines.length, at: heardAt, state: link, now });
    this.log.sayEmpty(lines.length === 0 ? words.t("events.empty") : null);
    this.logList.show(lines.map((line) => [String(line.id), line]), moment.clock);
    const nearest = this.#nearest(moment, sensed, incident);
    this.near.show(words, { value: nearest.length, at: heardAt, state: link, now });
    this.near.sayEmpty(nearest.length === 0 ? words.t("sensors.empty") : null);
    this.nearList.show(nearest.map((one) => [one.sensor.id, one]), moment.clock);
  }

  /** @param {Moment} moment @param {Sensed[]} sensed @param {Incident} incident @returns {Sensed[]} */
  #nearest({ model }, sensed, incident) {
    const site = model.site(incident.site);
    const lat = incident.lat ?? site?.lat ?? null;
    const lon = incident.lon ?? site?.lon ?? null;
    if (lat === null || lon === null) return sensed.filter(({ judgement }) => judgement.sign !== null);
    const shrink = Math.cos((lat * Math.PI) / 180);
    const far = (/** @type {Sensed} */ { sensor: { station } }) => (station.lat === null || station.lon === null ? Infinity : Math.hypot(station.lat - lat, (station.lon - lon) * shrink));
    return [...sensed].sort((a, b) => far(a) - far(b)).slice(0, 12);
  }

  #logRow() {
    const time = h("span.log-time");
    const text = h("span.log-text");
    const actor = h("span.log-actor");
    const node = h("div.row.line.log", {}, time, text, actor);
    /** @param {JournalEvent} event */
    const show = (event) => {
      if (this.#moment === null) return;
      const { words, now } = this.#moment;
      write(time, words.moment(event.at, now ?? event.at));
      write(text, whatBecame(words, event) || words.name(event.summary));
      write(actor, event.actor);
      return lengths(time, text, actor);
    };
    return { node, show };
  }

  #nearRow() {
    const sign = new SignMark();
    const name = h("span.sensor-name");
    const value = h("span.value");
    const unit = h("span.unit");
    const direction = h("span.arrow");
    const said = h("span.said");
    const mark = new AgeMark();
    const node = h("div.row.near", {}, h("div.line", {}, sign.node, name, h("span.measure", {}, value, unit, direction)), h("div.line", {}, said, mark.node));
    /** @param {Sensed} sensed */
    const show = (sensed) => {
      if (this.#moment === null) return;
      const { words, now } = this.#moment;
      const { sensor, state, judgement } = sensed;
      stamp(node, { value: sensor.value, at: sensor.at, state, sign: judgement.sign });
      sign.show(words, judgement);
      write(name, `${words.name(sensor.station.name)} ${words.name(sensor.name)}`);
      write(value, `${words.number(sensor.value, sensor.decimals)}`);
      write(unit, unitOf(sensor));
      write(direction, arrow(sensed));
      const said_ = meaning(words, sensed);
      write(said, said_.text);
      put(said, "data-kind", said_.kind);
      mark.show(words, state, sensor.at === null || now === null ? null : now - sensor.at);
      return lengths(sign.node, name, value, unit, said, mark.node);
    };
    return { node, show };
  }
}

/**
 * What is known of deaths, injuries and loss.
 *
 * @param {import("../words.js").Words} words
 * @param {Incident} incident
 */
function toll(words, { deaths, injuries, loss }) {
  return [
    deaths ? words.t("toll.deaths", { n: deaths }) : "",
    injuries ? words.t("toll.injuries", { n: injuries }) : "",
    loss ? words.t("toll.loss", { n: words.amount(loss / 10_000), m: words.amount(loss / 1e6) }) : "",
  ];
}
