/** What was ordered and is not done yet: who, until when; acknowledged, finished and withdrawn in place. */

import { Rows, h, put, write } from "../dom.js";
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
    this.empty = h("p.desk-empty", { hidden: true }, desk.words.t("tasks.none"));
    box.append(this.list, this.empty);
    this.rows = new Rows(this.list, (/** @type {Task} */ task) => this.#row(task));
  }

  /** @param {HTMLElement} tab says how many are open */
  draw(tab) {
    const { model, words } = this.desk;
    const now = this.desk.now();
    // What is overdue becomes so without any event.
    const state = `${model.revision("tasks", "incidents")} ${Math.floor(now / MINUTE_MS)}`;
    if (this.#drawn === state) return;
    this.#drawn = state;
    const shown = Object.values(model.topics.tasks).sort((a, b) => (a.due ?? Infinity) - (b.due ?? Infinity) || a.ordered_at - b.ordered_at);
    write(tab, shown.length > 0 ? words.t("tab.tasks.count", { n: shown.length }) : words.t("tab.tasks"));
    this.rows.show(shown, (task) => task.id);
    put(this.empty, "hidden", shown.length > 0 || !model.known);
  }

  /** @param {Task} first */
  #row(first) {
    const { words, model, may } = this.desk;
    let shown = first;
    const who = h("strong", { dir: "auto" });
    const due = h("span.tasks__due");
    const text = h("p.tasks__text", { dir: "auto" });
    const status = h("span.badge");
    const ordered = h("span");
    const incident = h("button.button.button--quiet.tasks__incident", { type: "button", dir: "auto" });
    incident.addEventListener("click", () => shown.incident !== null && this.choose(shown.incident));
    const feedback = h("p.tasks__feedback", { dir: "auto" });
    const steps = h("div.buttons.tasks__steps");
    const step = (/** @type {string} */ name, /** @type {string} */ kind, /** @type {(task: Task) => Promise<void>} */ run) => {
      const button = h(`button.button${kind}`, { type: "button", "data-do": `${name}-${first.id}` }, words.t(`tasks.${name}`));
      button.addEventListener("click", () => void run(shown));
      steps.append(button);
      return { name, button };
    };
    const buttons = [
      step("acknowledge", "", (task) => this.#bringOn(task, "acknowledged", "")),
      step("finish", ".button--primary", (task) => this.#end(task, "finish", "done")),
      step("withdraw", ".button--quiet", (task) => this.#end(task, "withdraw", "withdrawn")),
    ];
    const node = h("li.tasks__task", { "data-task": first.id }, h("p.tasks__who", {}, who, due), text, h("p.tasks__about", {}, status, ordered, incident), feedback, steps);
    return {
      node,
      /** @param {Task} task */
      show: (task) => {
        shown = task;
        const now = this.desk.now();
        const late = task.due !== null && task.due < now;
        write(who, task.who);
        put(due, "hidden", task.due === null);
        put(due, "data-late", String(late));
        if (task.due !== null) write(due, late ? words.t("tasks.late", { due: words.stamp(task.due, now), span: words.span(now - task.due) }) : words.t("tasks.due", { due: words.stamp(task.due, now) }));
        write(text, task.text);
        put(status, "data-status", task.status);
        write(status, words.t(`tasks.status.${task.status}`));
        write(ordered, words.t("tasks.ordered", { by: task.ordered_by, at: words.stamp(task.ordered_at, now) }));
        const about = task.incident === null ? undefined : model.topics.incidents[task.incident];
        put(incident, "hidden", about === undefined);
        write(incident, about?.title ?? "");
        put(feedback, "hidden", task.feedback === "");
        write(feedback, task.feedback);
        put(steps, "hidden", !may("task.change", task.site));
        for (const { name, button } of buttons) {
          put(button, "aria-label", words.t(`tasks.${name}.label`, { who: task.who }));
          put(button, "hidden", name === "acknowledge" ? task.status !== "ordered" : name === "withdraw" && !may("task.withdraw", task.site));
        }
      },
    };
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
