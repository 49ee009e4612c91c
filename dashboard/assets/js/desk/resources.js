/** Stocks, teams and shelters: what there is and what is needed; amounts are changed in place. */

import { Rows, h, put, write } from "../dom.js";
import { amountState } from "../staleness.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";

/** @typedef {import("../topics.js").Resource} Resource */

const TYPES = ["stock", "team", "shelter"];
const MOST = 1e9;
const MINUTE_MS = 60_000;
/** Who is overtaken so often by others should talk to them. */
const ROUNDS = 5;

export class Resources {
  #drawn = "";
  #wanted = "";

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   */
  constructor(box, desk) {
    this.desk = desk;
    const { words } = desk;
    this.search = /** @type {HTMLInputElement} */ (h("input.input", { type: "search", "aria-label": words.t("resources.search"), placeholder: words.t("resources.search"), autocomplete: "off" }));
    this.body = h("tbody");
    this.rows = new Rows(this.body, (/** @type {Resource} */ resource) => this.#row(resource.id));
    this.empty = h("p.desk-empty", { hidden: true }, words.t("resources.none"));
    const heads = ["name", "have", "need"].map((name) => h(`th.cell-${name}${name === "have" || name === "need" ? ".number" : ""}`, { scope: "col" }, words.t(`resources.${name}`)));
    box.append(this.search, h("div.resources__scroll", {}, h("table.table.resources", { "aria-label": words.t("resources.heading") }, h("thead", {}, h("tr", {}, ...heads)), this.body), this.empty));
    this.search.addEventListener("input", () => {
      this.#wanted = this.search.value.trim().toLowerCase();
      this.#drawn = "";
      this.draw();
    });
  }

  draw() {
    const { model } = this.desk;
    // Ages go on without any event, a minute at a time.
    const state = `${model.revision("resources", "sites")} ${Math.floor(this.desk.now() / MINUTE_MS)}`;
    if (this.#drawn === state) return;
    this.#drawn = state;
    const shown = /** @type {Resource[]} */ (Object.values(model.topics.resources))
      .filter((resource) => this.#fits(resource))
      .sort((a, b) => Number(b.have < b.need) - Number(a.have < a.need) || TYPES.indexOf(a.type) - TYPES.indexOf(b.type) || a.name.zh.localeCompare(b.name.zh, "zh"));
    this.rows.show(shown, (resource) => resource.id);
    put(this.empty, "hidden", shown.length > 0 || !model.known);
  }

  /** @param {Resource} resource */
  #fits(resource) {
    if (this.#wanted === "") return true;
    const site = this.desk.model.site(resource.site);
    return [resource.name.zh, resource.name.en, site?.name.zh ?? "", site?.name.en ?? ""].some((name) => name.toLowerCase().includes(this.#wanted));
  }

  /** @param {string} id */
  #row(id) {
    const { words } = this.desk;
    const name = h("span");
    const about = h("span.resources__about");
    const age = h("span.resources__age");
    const confirm = h("button.button.button--quiet.resources__confirm", { type: "button" }, words.t("resources.confirm"));
    /** @type {Resource | null} */
    let shown = null;
    confirm.addEventListener("click", () => void this.#confirm(shown));
    const have = this.#amount("have");
    const need = this.#amount("need");
    const short = h("span.short", { hidden: true });
    const node = h("tr", { "data-resource": id }, h("td.cell-name", {}, name, about, h("span.resources__confirmed", {}, age, confirm)), h("td.cell-have.number", {}, have.node, short), h("td.cell-need.number", {}, need.node));
    return {
      node,
      /** @param {Resource} resource */
      show: (resource) => {
        write(name, words.name(resource.name));
        write(about, `${words.t(`resources.type.${resource.type}`)} · ${words.name(this.desk.model.site(resource.site)?.name) || resource.site}`);
        shown = resource;
        const now = this.desk.now();
        const state = amountState("fresh", now, resource.changed_at, this.desk.page.confirm_h);
        put(age, "data-state", state);
        write(age, words.t(state === "fresh" ? "resources.confirmed" : "resources.unconfirmed", { span: words.span(now - resource.changed_at) }));
        put(confirm, "hidden", !this.desk.may("resource.change", resource.site));
        put(confirm, "aria-label", words.t("resources.confirm.label", { name: words.name(resource.name) }));
        have.show(resource);
        need.show(resource);
        const lacks = resource.need - resource.have;
        put(short, "hidden", lacks <= 0);
        put(node, "data-short", lacks > 0);
        write(short, words.t("resources.short", { n: words.amount(lacks), unit: words.unit(resource.unit) }));
      },
    };
  }

  /** What is written still holds: the same amount is sent again. @param {Resource | null} resource */
  async #confirm(resource) {
    if (resource === null) return;
    const { words } = this.desk;
    const reply = await call("PATCH", `/resources/${encodeURIComponent(resource.id)}`, { have: resource.have, version: resource.version });
    this.desk.say(reply.ok ? words.t("resources.saved", { name: words.name(resource.name), n: words.amount(resource.have), unit: words.unit(resource.unit) }) : words.problem(reply.problem), reply.ok ? "good" : "bad");
  }

  /**
   * Send an amount. What somebody else changed beside it stays; where both changed it, the officer sees both and chooses.
   *
   * @param {Resource} seen as it was on the screen
   * @param {"have" | "need"} which
   * @param {number} value
   * @returns {Promise<boolean>} false: the amount stays as it is
   */
  async #save(seen, which, value) {
    const { words } = this.desk;
    const name = words.name(seen.name);
    let { version } = seen;
    let held = seen[which];
    for (let round = 0; round < ROUNDS; round += 1) {
      const reply = await call("PATCH", `/resources/${encodeURIComponent(seen.id)}`, { [which]: value, version });
      if (reply.ok) {
        this.desk.say(words.t("resources.saved", { name, n: words.amount(value), unit: words.unit(seen.unit) }), "good");
        return true;
      }
      const { status, params } = reply.problem;
      if (status !== 409 || typeof params[which] !== "number") {
        this.desk.say(words.problem(reply.problem), "bad");
        return false;
      }
      const theirs = params[which];
      if (theirs !== held && theirs !== value) {
        const answer = await ask(words.t("resources.conflict", { name, theirs: words.amount(theirs), mine: words.amount(value), seen: words.amount(held) }), [], [
          { value: "", text: words.t("resources.keep", { theirs: words.amount(theirs) }), kind: "primary" },
          { value: "mine", text: words.t("resources.mine", { mine: words.amount(value) }) },
        ]);
        if (answer !== "mine") return false;
      }
      held = theirs;
      version = params["version"];
    }
    return false;
  }

  /**
   * One amount: a field for whoever may change it, otherwise a number.
   *
   * @param {"have" | "need"} which
   */
  #amount(which) {
    const { words } = this.desk;
    const unit = h("span.unit", { "aria-hidden": "true" });
    const plain = h("span.number");
    const input = /** @type {HTMLInputElement} */ (h("input.input.amount", { type: "text", inputmode: "decimal", maxlength: 12, autocomplete: "off" }));
    const node = h("span.amount-box", {}, plain, input, ...(which === "have" ? [unit] : []));
    /** @type {Resource | null} the state that is on the screen */
    let seen = null;
    const back = () => {
      if (seen) input.value = words.amount(seen[which]);
    };
    const save = async () => {
      const typed = input.value.normalize("NFKC").trim();
      const value = Number(typed);
      if (seen === null || input.value === words.amount(seen[which])) return;
      if (!/^\d+(\.\d+)?$/.test(typed) || value > MOST) {
        this.desk.say(words.t("resources.bad"), "bad");
        back();
        return;
      }
      if (!(await this.#save(seen, which, value))) back();
    };
    input.addEventListener("change", () => void save());
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") input.blur();
      if (event.key === "Escape") {
        back();
        input.blur();
      }
    });
    return {
      node,
      /** @param {Resource} resource */
      show: (resource) => {
        const editable = this.desk.may("resource.change", resource.site);
        put(plain, "hidden", editable);
        put(input, "hidden", !editable);
        write(plain, words.amount(resource[which]));
        write(unit, words.unit(resource.unit));
        put(input, "aria-label", `${words.name(resource.name)} ${words.t(`resources.${which}`)}`);
        if (document.activeElement !== input) {
          seen = resource;
          back();
        }
      },
    };
  }
}
