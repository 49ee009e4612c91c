/** The head of every scene: clock drawn by the server's data, township and mode, who is on duty, and the links. */

import { h, place, put, write } from "../dom.js";
import { troubleText } from "../trouble.js";
import { textWidth } from "./projection.js";
import { stamp } from "./tile.js";

/** @typedef {import("./context.js").Moment} Moment */

/** Names longer than this, in Chinese characters, are set smaller. */
const LONG_TOWNSHIP = 8;
const LINKS = /** @type {const} */ (["county", "worker", "media"]);

export class Header {
  /** @param {import("../words.js").Words} words */
  constructor(words) {
    this.words = words;
    this.clock = place("clock");
    this.clockNote = place("clock-note");
    this.township = place("township");
    this.mode = place("mode");
    this.people = /** @type {const} */ (["leader", "officer"]).map((role) => {
      const name = h("span.duty-name");
      const node = h("span.duty-person", {}, h("span.label", {}, words.t(`duty.${role}`)), name);
      place("duty-now").append(node);
      return { role, name, node };
    });
    this.links = LINKS.map((name) => {
      const word = h("span.link-word");
      const node = h("span.link", { "data-tile": `link:${name}` }, h("span.link-shape", { "aria-hidden": "true" }), h("span.label", {}, words.t(`link.${name}`)), word);
      place("links").append(node);
      return { name, node, word };
    });
    this.trouble = place("trouble");
  }

  /** @param {Moment} moment */
  draw({ model, words, heardAt, link, now }) {
    const { system, duty } = model.topics;
    put(this.clock, "data-state", link);
    write(this.clock, heardAt === null ? "--:--:--" : words.time(heardAt));
    write(this.clockNote, heardAt === null ? "" : link === "fresh" ? words.day(heardAt) : words.t("clock.stopped"));
    const township = words.name(system?.township) || words.t("title");
    write(this.township, township);
    put(this.township, "data-long", textWidth(township) > LONG_TOWNSHIP);
    const mode = system === null ? null : (system.mode ?? "unknown");
    put(document.body, "data-mode", mode);
    write(this.mode, mode === null ? "" : words.t(`mode.${mode}`));
    for (const { role, name } of this.people) {
      const person = role === "leader" ? duty.shift?.leader : duty.shift?.officer;
      write(name, person?.name ?? words.t("duty.nobody"));
      put(name, "data-none", !person?.name);
    }
    for (const { name, node, word } of this.links) {
      const part = name === "county" ? system?.county : name === "worker" ? system?.worker : system?.media;
      // While the server is away, nobody knows how its links are.
      const state = link !== "fresh" ? "unknown" : (part?.state ?? (name === "county" ? "none" : "unknown"));
      const shown = words.has(`link.is.${state}`) ? state : "down";
      put(node, "data-link", shown);
      const since = part?.since && now !== null && shown === "down" ? ` ${words.span(now - part.since)}` : "";
      write(word, words.t(`link.is.${shown}`) + since);
      stamp(node, { value: shown, at: heardAt, state: link });
    }
    const said = troubleText(words, system, now, Object.values(model.topics.readings));
    put(this.trouble, "hidden", said === "");
    write(this.trouble, said);
  }
}
