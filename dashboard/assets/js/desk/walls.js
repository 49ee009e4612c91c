/** The paired walls: when each was last seen, taking its right away, and the way to approve another one. */

import { Rows, h, put, write } from "../dom.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";

/** @typedef {{id: string, name: string, site: string | null, approved_at: number, approved_by: string, last_seen_at: number | null}} Wall */

const REFRESH_MS = 30_000;
/** A wall that was not heard for this long is shown as silent; it reports every few minutes. */
const SILENT_MS = 15 * 60_000;

export class Walls {
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
    this.empty = h("p.desk-empty", { hidden: true });
    this.rows = new Rows(this.list, (/** @type {Wall} */ wall) => this.#row(wall));
    box.append(this.list, this.empty, form);
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
      if (this.list.childElementCount === 0) {
        write(this.empty, words.problem(reply.problem));
        put(this.empty, "hidden", false);
      }
      return;
    }
    const walls = /** @type {Wall[]} */ (reply.body);
    this.rows.show(walls, (wall) => wall.id);
    write(this.empty, words.t("walls.none"));
    put(this.empty, "hidden", walls.length > 0);
  }

  /** @param {Wall} first */
  #row(first) {
    const { words, model } = this.desk;
    let shown = first;
    const name = h("strong", { dir: "auto" });
    const site = h("span.muted");
    const seen = h("span.walls__seen");
    const by = h("span.quiet");
    const revoke = h("button.button.button--quiet", { type: "button" }, words.t("walls.revoke"));
    revoke.addEventListener("click", () => void this.#revoke(shown));
    const node = h("li.walls__wall", { "data-wall": first.id }, h("div", {}, name, site, h("br"), seen, by), revoke);
    return {
      node,
      /** @param {Wall} wall */
      show: (wall) => {
        shown = wall;
        const silence = wall.last_seen_at === null ? null : Math.max(0, this.desk.now() - wall.last_seen_at);
        const where = words.name(model.site(wall.site)?.name);
        put(node, "data-silent", silence === null || silence > SILENT_MS);
        write(name, wall.name);
        write(site, where ? ` · ${where}` : "");
        write(seen, silence === null ? words.t("walls.never") : words.t("walls.seen", { ago: words.ago(silence) }));
        write(by, wall.approved_by ? ` · ${words.t("walls.by", { who: wall.approved_by })}` : "");
      },
    };
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
