/** Two officers change one incident: both versions field by field, and for each field the choice which holds. */

import { h } from "../dom.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";
import { typedFigure } from "./toll.js";
import { FIELDS, bodyOf, differences } from "./versions.js";

/** @typedef {import("./incidents.js").Incident} Incident */
/** @typedef {import("./versions.js").Field} Field */
/** @typedef {import("./versions.js").Change} Change */

/** Who is overtaken so often by others should talk to them. */
const ROUNDS = 5;

/**
 * Send a change until it holds, is refused, or what somebody else wrote is kept.
 *
 * @param {import("./context.js").Desk} desk
 * @param {Incident} now
 * @param {Change} change
 * @param {Incident} seen
 * @param {string} by whose the newest entry of its timeline is
 * @returns {Promise<boolean>} false: nothing was decided, what was typed stays
 */
export async function settle(desk, now, change, seen, by) {
  const { words } = desk;
  let theirs = now;
  let who = by;
  let wanted = change;
  for (let round = 0; round < ROUNDS; round += 1) {
    const differing = differences(seen, wanted, theirs);
    if (differing.some((field) => field.theirs !== field.seen)) {
      const chosen = await choose(desk, theirs, who, differing);
      if (chosen === null) return false;
      wanted = chosen;
      seen = theirs;
    }
    const own = /** @type {Change} */ (Object.fromEntries(FIELDS.filter((field) => field in wanted && wanted[field] !== seen[field]).map((field) => [field, wanted[field]])));
    const body = bodyOf(theirs, own);
    if (body === null) return true;
    const reply = await call("PATCH", `/incidents/${theirs.id}`, body);
    if (reply.ok) {
      desk.say(words.t("change.done", { number: theirs.number }), "good");
      return true;
    }
    if (reply.problem.status !== 409) {
      desk.say(words.problem(reply.problem), "bad");
      return false;
    }
    const latest = await call("GET", `/incidents/${theirs.id}`);
    if (!latest.ok) {
      desk.say(words.problem(latest.problem), "bad");
      return false;
    }
    theirs = /** @type {Incident} */ (latest.body);
    who = latest.body.timeline[0]?.actor ?? "";
    wanted = own;
  }
  desk.say(words.t("conflict.title", { number: theirs.number }), "bad");
  return false;
}

/**
 * @param {import("./context.js").Desk} desk
 * @param {Incident} theirs
 * @param {string} who changed it
 * @param {ReturnType<typeof differences>} differing
 * @returns {Promise<Change | null>} what is to hold instead of theirs; null: not decided
 */
async function choose(desk, theirs, who, differing) {
  const { words } = desk;
  const said = (/** @type {Field} */ field, /** @type {any} */ value) => {
    if (field === "level") return words.level(value);
    if (field === "status") return words.t(`status.${value}`);
    return typedFigure(field, value) || words.t("toll.unknown");
  };
  const name = (/** @type {Field} */ field) => words.t(field === "level" || field === "status" ? `list.${field}` : `intake.${field}`);
  const heads = [words.t("conflict.field"), words.t("conflict.seen"), who === "" ? words.t("conflict.now") : words.t("conflict.theirs", { who }), words.t("conflict.yours")];
  const rows = differing.map(({ field, seen, mine, theirs: now, clash }) => {
    const changed = mine !== seen && mine !== now;
    const option = (/** @type {"theirs" | "mine"} */ which, /** @type {any} */ value) => {
      const input = h("input", { type: "radio", name: `conflict-${field}`, value: which, checked: which === (clash ? "theirs" : "mine") });
      return h("label.conflict__option", {}, input, h("span", {}, said(field, value)));
    };
    const cells = [[said(field, seen)], [changed ? option("theirs", now) : said(field, now)], [changed ? option("mine", mine) : h("span.quiet", {}, words.t("conflict.same"))]];
    return h("tr", { "data-field": field, "data-clash": clash }, h("th", { scope: "row" }, name(field)), ...cells.map((cell, index) => h("td", { "data-head": heads[index + 1] }, ...cell)));
  });
  const table = h("table.table.conflict", {}, h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, ...rows));
  const answer = await ask(words.t("conflict.title", { number: theirs.number }), [h("p", { dir: "auto" }, theirs.title), table, h("p.muted", {}, words.t("conflict.text"))], [
    { value: "save", text: words.t("conflict.save"), kind: "primary" },
    { value: "keep", text: words.t("conflict.keep") },
  ]);
  if (answer === null) return null;
  if (answer === "keep") return {};
  const checked = new Set([...table.querySelectorAll("input:checked")].map((input) => `${/** @type {HTMLInputElement} */ (input).name} ${/** @type {HTMLInputElement} */ (input).value}`));
  return /** @type {Change} */ (Object.fromEntries(differing.filter(({ field }) => checked.has(`conflict-${field} mine`)).map(({ field, mine }) => [field, mine])));
}
