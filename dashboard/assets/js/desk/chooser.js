/** The first page: the consultations that are open now. */

import { Rows, h, put, write } from "../dom.js";
import { call } from "./api.js";

const REFRESH_MS = 10_000;

/** @type {{lang: string, rooms: boolean, messages: Record<string, string>}} */
const page = JSON.parse(document.getElementById("fenghuo-page")?.textContent ?? "{}");
const list = document.getElementById("chooser-rooms");

/** @param {string} key @param {Record<string, string | number>} [values] */
function t(key, values = {}) {
  return (page.messages[`chooser.live.${key}`] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** @param {HTMLElement} box */
function openRooms(box) {
  const said = h("p.desk-empty", { hidden: true });
  box.after(said);
  /** @type {Rows<import("../topics.js").Room>} */
  const rows = new Rows(box, (first) => {
    const title = h("strong", { dir: "auto" });
    const present = h("span.muted");
    const node = h("li.rooms__room.rooms__room--row", {}, title, present, h("a.button", { href: `/rooms/${encodeURIComponent(first.id)}` }, t("go")));
    return {
      node,
      show: (room) => {
        write(title, room.title);
        write(present, t("present", { n: room.present.filter((person) => person.connected).length }));
      },
    };
  });
  return async () => {
    const reply = await call("GET", "/rooms");
    const rooms = reply.ok ? /** @type {import("../topics.js").Room[]} */ (reply.body) : [];
    rows.show(rooms, (room) => room.id);
    write(said, t(reply.ok ? "none" : "unreached"));
    put(said, "hidden", rooms.length > 0);
  };
}

if (list !== null && page.rooms) {
  const show = openRooms(list);
  void show();
  setInterval(() => void show(), REFRESH_MS);
}
