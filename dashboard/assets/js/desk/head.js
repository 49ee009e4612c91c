/** The head of the desk: township and mode, the server's clock, how the platform's parts are, who is logged in, language and theme. */

import { h, put, write } from "../dom.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";

const PARTS = /** @type {const} */ (["feed", "worker", "media", "database", "ingest"]);
const MODES = ["peace", "exercise", "emergency", "war"];
const YEAR_S = 365 * 86_400;

export class Head {
  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   */
  constructor(box, desk) {
    this.desk = desk;
    const { words, page } = desk;
    this.township = h("h1.head__place");
    this.clock = h("time.head__clock.number");
    const tag = desk.may("mode.change", null) ? "button.head__mode.badge" : "span.head__mode.badge";
    this.mode = h(tag, tag.startsWith("button") ? { type: "button", title: words.t("mode.change") } : {});
    if (tag.startsWith("button")) this.mode.addEventListener("click", () => void this.#changeMode());
    this.parts = PARTS.map((name) => {
      const word = h("span.part__word");
      const node = h("span.part", { "data-part": name, title: words.t(`part.${name}`) }, h("span.part__shape", { "aria-hidden": "true" }), h("span.part__name", {}, words.t(`part.${name}`)), word);
      return { name, node, word };
    });
    const other = page.lang === "zh" ? "en" : "zh";
    const theme = h("button.button.button--quiet", { type: "button" }, words.t(`theme.${dark() ? "light" : "dark"}`));
    theme.addEventListener("click", () => {
      const now = dark() ? "light" : "dark";
      put(document.documentElement, "data-theme", now);
      document.cookie = `fenghuo_theme=${now}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax`;
      write(theme, words.t(`theme.${dark() ? "light" : "dark"}`));
    });
    const leave = h("form.head__leave", { method: "post", action: "/logout" }, h("button.button.button--quiet", { type: "submit" }, words.t("logout")));
    const keys = h("button.button.button--quiet", { type: "button", title: words.t("keys.title") }, words.t("keys.button"));
    keys.addEventListener("click", () => void showKeys(words));
    box.append(
      h("div.head__left", {}, this.township, this.mode, this.clock),
      h("div.head__parts", { "aria-label": words.t("part.heading") }, ...this.parts.map(({ node }) => node)),
      h("nav.head__right", { "aria-label": words.t("head.nav") }, keys, h("a.button.button--quiet", { href: "/wall/", target: "_blank", rel: "noopener" }, words.t("head.wall")), h("a.button.button--quiet", { href: `?lang=${other}`, lang: other, hreflang: other }, words.t("head.lang")), theme,
        ...(desk.may("people.manage") ? [h("a.button.button--quiet", { href: "/people" }, words.t("head.people"))] : []),
        h("a.head__me", { href: "/password", title: words.t("head.password") }, h("strong", {}, page.me.name), h("span.muted", {}, words.t(`role.${page.me.role}`))), leave),
    );
  }

  /** @param {boolean} live whether the feed lives */
  draw(live) {
    const { model, words } = this.desk;
    const { system } = model.topics;
    const now = this.desk.now();
    write(this.township, words.name(system?.township) || words.t("title"));
    write(this.clock, words.time(now));
    put(this.clock, "data-live", String(live));
    const mode = (live ? system?.mode : null) ?? "unknown";
    write(this.mode, words.t(`mode.${mode}`));
    put(this.mode, "data-mode", mode);
    put(document.body, "data-mode", mode);
    for (const { name, node, word } of this.parts) {
      const [state, since, reason] = partState(name, system, live);
      put(node, "data-state", state);
      const age = since !== undefined && state === "down" ? ` ${words.span(Math.max(0, now - since))}` : "";
      // Why stands where it is read: nobody hovers in an emergency.
      const why = words.has(`part.reason.${reason}`) ? words.t(`part.reason.${reason}`) : reason;
      write(word, `${why || words.t(`part.is.${state}`)}${age}`);
    }
  }

  async #changeMode() {
    const { words, model } = this.desk;
    const present = model.topics.system?.mode ?? "unknown";
    const answer = await ask(words.t("mode.title", { mode: words.t(`mode.${present}`) }), [h("p", {}, words.t("mode.text"))], [
      { value: "", text: words.t("cancel") },
      ...MODES.filter((mode) => mode !== present).map((mode) => ({ value: mode, text: words.t("mode.to", { mode: words.t(`mode.${mode}`) }), kind: mode === "war" ? /** @type {const} */ ("danger") : undefined })),
    ]);
    if (answer === null) return;
    const reply = await call("PUT", "/mode", { mode: answer });
    this.desk.say(reply.ok ? words.t("mode.done", { mode: words.t(`mode.${answer}`) }) : words.problem(reply.problem), reply.ok ? "good" : "bad");
  }
}

/**
 * What a part's lamp says: its state, since when, and why.
 *
 * @param {(typeof PARTS)[number]} name
 * @param {import("../topics.js").System | null} system
 * @param {boolean} live
 * @returns {["up" | "behind" | "down" | "unknown", number | undefined, string]}
 */
function partState(name, system, live) {
  if (name === "feed") return [live ? "up" : "down", undefined, ""];
  // While the server is away nobody knows how its parts are.
  if (!live || system === null) return ["unknown", undefined, ""];
  if (name === "database") return [system.database === "ok" ? "up" : "down", undefined, system.database === "ok" ? "" : system.database];
  const part = system[name];
  if (part.state === "unknown") return ["unknown", undefined, ""];
  if (part.state === "behind") return ["behind", undefined, ""];
  return [part.state === "up" || part.state === "ok" ? "up" : "down", part.since, part.reason ?? ""];
}

function dark() {
  return document.documentElement.dataset.theme === "dark";
}

/** The keys of the desk. @param {import("./words.js").DeskWords} words */
export function showKeys(words) {
  const rows = ["new", "choose", "send", "list", "arrows", "tabs", "help"].map((name) => h("div", {}, h("dt", {}, h("kbd", {}, words.t(`keys.${name}.key`))), h("dd", {}, words.t(`keys.${name}`))));
  return ask(words.t("keys.title"), [h("dl.facts.facts--wide", {}, ...rows)], [{ value: "", text: words.t("done") }]);
}
