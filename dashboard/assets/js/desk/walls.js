/** The paired walls: when each was last seen, taking its right away, and the way to approve another one. */

import { h, write } from "../dom.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";

/** @typedef {{id: string, name: string, site: string | null, approved_at: number, approved_by: string, last_seen_at: number | null}} Wall */

const REFRESH_MS = 30_000;
/** A wall that was not heard for this long is shown as silent; it reports every few minutes. */
const SILENT_MS = 15 * 60_000;

export class Walls {
  /** @type {Wall[] | null} */
  #walls = null;
  #askedAt = -Infinity;

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   */
  constructor(box, desk) {
    this.desk = desk;
    const { words } = desk;
    this.list = h("ul.walls", { "aria-label": words.t("walls.heading") });
    const code = /** @type {HTMLInputElement} */ (h("input.input.code", { id: "wall-code", name: "code", maxlength: 12, autocomplete: "off", autocapitalize: "characters", spellcheck: "false", placeholder: "XXXX-XXXX" }));
    const form = h("form.form.walls__form", { action: desk.page.approve, method: "get" },
      h("div.field", {}, h("label", { for: "wall-code" }, words.t("walls.code")), h("div.walls__row", {}, code, h("button.button.button--primary", { type: "submit" }, words.t("walls.approve")))),
      h("p.field__hint", {}, words.t("walls.hint")));
    box.append(this.list, form);
  }

  /** Called while the panel is seen. */
  draw() {
    if (performance.now() - this.#askedAt < REFRESH_MS) return;
    this.#askedAt = performance.now();
    void this.#load();
  }

  async #load() {
    const { words } = this.desk;
    const reply = await call("GET", "/devices");
    if (!reply.ok) {
      if (this.#walls === null) this.list.replaceChildren(h("li.desk-empty", {}, words.problem(reply.problem)));
      return;
    }
    this.#walls = /** @type {Wall[]} */ (reply.body);
    this.list.replaceChildren(...(this.#walls.length === 0 ? [h("li.desk-empty", {}, words.t("walls.none"))] : this.#walls.map((wall) => this.#row(wall))));
  }

  /** @param {Wall} wall */
  #row(wall) {
    const { words, model } = this.desk;
    const seen = h("span.walls__seen");
    const silence = wall.last_seen_at === null ? null : Math.max(0, this.desk.now() - wall.last_seen_at);
    write(seen, silence === null ? words.t("walls.never") : words.t("walls.seen", { ago: words.ago(silence) }));
    const revoke = h("button.button.button--quiet", { type: "button" }, words.t("walls.revoke"));
    revoke.addEventListener("click", () => void this.#revoke(wall));
    const site = words.name(model.site(wall.site)?.name);
    return h("li.walls__wall", { "data-wall": wall.id, "data-silent": silence === null || silence > SILENT_MS },
      h("div", {}, h("strong", {}, wall.name), h("span.muted", {}, site ? ` · ${site}` : ""), h("br"), seen, h("span.quiet", {}, wall.approved_by ? ` · ${words.t("walls.by", { who: wall.approved_by })}` : "")), revoke);
  }

  /** @param {Wall} wall */
  async #revoke(wall) {
    const { words } = this.desk;
    const answer = await ask(words.t("walls.revoke.title", { name: wall.name }), [h("p", {}, words.t("walls.revoke.text"))], [
      { value: "revoke", text: words.t("walls.revoke"), kind: "danger" }, { value: "", text: words.t("cancel") },
    ]);
    if (answer !== "revoke") return;
    const reply = await call("DELETE", `/devices/${encodeURIComponent(wall.id)}`);
    this.desk.say(reply.ok ? words.t("walls.revoked", { name: wall.name }) : words.problem(reply.problem), reply.ok ? "good" : "bad");
    await this.#load();
  }
}
