/** The first page: the consultations that are open now. */

import { h } from "../dom.js";
import { call } from "./api.js";

const REFRESH_MS = 10_000;

/** @type {{lang: string, rooms: boolean, messages: Record<string, string>}} */
const page = JSON.parse(document.getElementById("fenghuo-page")?.textContent ?? "{}");
const list = document.getElementById("chooser-rooms");

/** @param {string} key @param {Record<string, string | number>} [values] */
function t(key, values = {}) {
  return (page.messages[`chooser.live.${key}`] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

let shown = "";

/** @param {HTMLElement} box */
async function show(box) {
  const reply = await call("GET", "/rooms");
  const state = JSON.stringify(reply);
  if (state === shown) return;
  shown = state;
  if (!reply.ok) {
    box.replaceChildren(h("li.desk-empty", {}, t("unreached")));
    return;
  }
  /** @type {(import("../topics.js").Room)[]} */
  const rooms = reply.body;
  box.replaceChildren(
    ...(rooms.length === 0
      ? [h("li.desk-empty", {}, t("none"))]
      : rooms.map((room) => {
          const here = room.present.filter((person) => person.connected).length;
          return h("li.rooms__room.rooms__room--row", {}, h("strong", {}, room.title), h("span.muted", {}, t("present", { n: here })), h("a.button", { href: `/rooms/${encodeURIComponent(room.id)}` }, t("go")));
        })),
  );
}

if (list !== null && page.rooms) {
  void show(list);
  setInterval(() => void show(list), REFRESH_MS);
}
