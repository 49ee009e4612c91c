/** What was ordered and is not done yet: who, until when; acknowledged, finished and withdrawn in place. */

import { h, write } from "../dom.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";

/** @typedef {import("../topics.js").Task} Task */

const FEEDBACK_MAX = 500;
const MINUTE_MS = 60_000;

export class Tasks {
  #drawn = "";
  /** Feedback that was typed and has not arrived, by task. @type {Map<string, string>} */
  #typed = new Map();

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   * @param {(incident: string) => void} choose show this incident
   */
  constructor(box, desk, choose) {
    this.box = box;
    this.desk = desk;
    this.choose = choose;
    this.list = h("ul.tasks", { "aria-label": desk.words.t("tasks.heading") });
    box.append(this.list);
  }

  /** @param {HTMLElement} tab says how many are open */
  draw(tab) {
    const { model, words } = this.desk;
    const now = this.desk.now();
    // What is overdue becomes so without any event.
    const state = `${model.revision} ${Math.floor(now / MINUTE_MS)}`;
    if (this.#drawn === state) return;
    this.#drawn = state;
    const shown = Object.values(model.topics.tasks).sort((a, b) => (a.due ?? Infinity) - (b.due ?? Infinity) || a.ordered_at - b.ordered_at);
    write(tab, shown.length > 0 ? words.t("tab.tasks.count", { n: shown.length }) : words.t("tab.tasks"));
    const focused = document.activeElement?.getAttribute("data-do");
    const inside = this.list.contains(document.activeElement);
    this.list.replaceChildren(...(shown.length > 0 ? shown.map((task) => this.#row(task, now)) : [h("li.desk-empty", {}, words.t("tasks.none"))]));
    if (inside && focused) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-do="${focused}"]`))?.focus();
  }

  /** @param {Task} task @param {number} now */
  #row(task, now) {
    const { words, model, may } = this.desk;
    const late = task.due !== null && task.due < now;
    const until = task.due === null ? [] : [h("span.tasks__due", { "data-late": String(late) }, late ? words.t("tasks.late", { due: words.stamp(task.due), span: words.span(now - task.due) }) : words.t("tasks.due", { due: words.stamp(task.due) }))];
    const incident = task.incident === null ? undefined : model.topics.incidents[task.incident];
    const about = h("p.tasks__about", {}, h("span.badge", { "data-status": task.status }, words.t(`tasks.status.${task.status}`)),
      h("span", {}, words.t("tasks.ordered", { by: task.ordered_by, at: words.stamp(task.ordered_at) })));
    if (incident !== undefined) {
      const link = h("button.button.button--quiet.tasks__incident", { type: "button" }, incident.title);
      link.addEventListener("click", () => this.choose(incident.id));
      about.append(link);
    }
    const said = task.feedback === "" ? [] : [h("p.tasks__feedback", {}, task.feedback)];
    return h("li.tasks__task", { "data-task": task.id }, h("p.tasks__who", {}, h("strong", {}, task.who), ...until), h("p.tasks__text", {}, task.text), about, ...said,
      ...(may("task.change", task.site) ? [this.#steps(task)] : []));
  }

  /** @param {Task} task */
  #steps(task) {
    const { words } = this.desk;
    const row = h("div.buttons.tasks__steps");
    const step = (/** @type {string} */ name, /** @type {string} */ kind, /** @type {() => Promise<void>} */ run) => {
      const button = h(`button.button${kind}`, { type: "button", "data-do": `${name}-${task.id}`, "aria-label": words.t(`tasks.${name}.label`, { who: task.who }) }, words.t(`tasks.${name}`));
      button.addEventListener("click", () => void run());
      row.append(button);
    };
    if (task.status === "ordered") step("acknowledge", "", () => this.#bringOn(task, "acknowledged", ""));
    step("finish", ".button--primary", () => this.#end(task, "finish", "done"));
    if (this.desk.may("task.withdraw", task.site)) step("withdraw", ".button--quiet", () => this.#end(task, "withdraw", "withdrawn"));
    return row;
  }

  /** Ask what came of it, or why it is withdrawn. @param {Task} task @param {"finish" | "withdraw"} step @param {"done" | "withdrawn"} status */
  async #end(task, step, status) {
    const { words } = this.desk;
    const wanted = words.t(`tasks.${step}.feedback`);
    const feedback = /** @type {HTMLTextAreaElement} */ (h("textarea.input", { rows: 3, maxlength: FEEDBACK_MAX, "aria-label": wanted, placeholder: wanted }));
    feedback.value = this.#typed.get(task.id) ?? (step === "finish" ? task.feedback : "");
    const asked = ask(words.t(`tasks.${step}.title`, { who: task.who }), [h("p", {}, task.text), feedback], [
      { value: status, text: words.t(`tasks.${step}`), kind: "primary" },
      { value: "", text: words.t("cancel"), kind: "quiet" },
    ]);
    feedback.focus();
    const answer = await asked;
    this.#typed.set(task.id, feedback.value);
    if (answer === status) await this.#bringOn(task, status, feedback.value);
  }

  /** @param {Task} task @param {"acknowledged" | "done" | "withdrawn"} status @param {string} feedback */
  async #bringOn(task, status, feedback) {
    const { words } = this.desk;
    const reply = await call("PATCH", `/tasks/${encodeURIComponent(task.id)}`, { status, feedback, version: task.version });
    if (reply.ok) this.#typed.delete(task.id);
    this.desk.say(reply.ok ? words.t(`tasks.said.${status}`, { who: task.who }) : words.problem(reply.problem), reply.ok ? "good" : "bad");
  }
}
