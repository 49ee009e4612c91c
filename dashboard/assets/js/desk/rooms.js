/** Consultations: open a room, see who is in and which site is missing, go there, and make a join link with its QR code. */

import { attendance } from "../attendance.js";
import { Rows, h, put, write } from "../dom.js";
import { call } from "./api.js";
import { ask } from "./dialog.js";
import { uuid7 } from "./uuid7.js";

/** @typedef {import("../topics.js").Room} Room */

const ROLES = ["speaker", "listener", "host"];

export class Rooms {
  #revision = -1;
  /** @type {string | null} */
  #incident = null;
  #id = uuid7();
  #sending = false;

  /**
   * @param {HTMLElement} box
   * @param {import("./context.js").Desk} desk
   */
  constructor(box, desk) {
    this.desk = desk;
    const { words } = desk;
    this.list = h("ul.rooms", { "aria-label": words.t("rooms.open") });
    this.title = /** @type {HTMLInputElement} */ (h("input.input", { id: "room-title", maxlength: 120, autocomplete: "off", placeholder: words.t("rooms.title.placeholder") }));
    this.about = h("p.field__hint", { hidden: true });
    this.sites = h("div.rooms__sites");
    this.error = h("p.field__error", { hidden: true, role: "alert" });
    this.form = h("form.form.rooms__form", { novalidate: true }, 
      h("div.field", {}, h("label", { for: "room-title" }, words.t("rooms.title")), h("div.rooms__new", {}, this.title, h("button.button.button--primary", { type: "submit" }, words.t("rooms.create"))), this.about), this.error,
      h("details.rooms__expected", {}, h("summary", {}, words.t("rooms.expected")), this.sites));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#create();
    });
    if (desk.may("room.open")) box.append(this.form);
    this.empty = h("p.desk-empty", { hidden: true }, words.t("rooms.none"));
    box.append(this.list, this.empty);
    this.rows = new Rows(this.list, (/** @type {Room} */ room) => this.#row(room));
    this.choices = new Rows(this.sites, (/** @type {import("../topics.js").Site} */ site) => {
      const name = h("span");
      return { node: h("label.check", {}, h("input", { type: "checkbox", value: site.id }), name), show: (now) => write(name, words.name(now.name)) };
    });
  }

  /** Prepare a room about an incident: its title is there, one Enter opens it. @param {import("../topics.js").Incident} incident */
  prepare(incident) {
    this.#incident = incident.id;
    this.title.value = this.desk.words.t("rooms.about.title", { title: incident.title }).slice(0, 120);
    write(this.about, this.desk.words.t("rooms.about", { number: incident.number }));
    put(this.about, "hidden", false);
    this.title.focus();
    this.title.select();
  }

  async #create() {
    const { words } = this.desk;
    const title = this.title.value.trim();
    put(this.error, "hidden", title !== "");
    if (title === "") {
      write(this.error, words.t("rooms.title.missing"));
      this.title.focus();
      return;
    }
    if (this.#sending) return;
    this.#sending = true;
    const expected = [...this.sites.querySelectorAll("input:checked")].map((box) => /** @type {HTMLInputElement} */ (box).value);
    const reply = await call("POST", "/rooms", { id: this.#id, title, expected, ...(this.#incident ? { incident: this.#incident } : {}) });
    this.#sending = false;
    if (!reply.ok) {
      write(this.error, words.problem(reply.problem));
      put(this.error, "hidden", false);
      return;
    }
    this.#id = uuid7();
    this.#incident = null;
    this.title.value = "";
    put(this.about, "hidden", true);
    for (const box of this.sites.querySelectorAll("input")) box.checked = false;
    this.desk.say(words.t("rooms.created", { title }), "good");
  }

  draw() {
    const { model } = this.desk;
    const revision = model.revision("rooms", "sites");
    if (this.#revision === revision) return;
    this.#revision = revision;
    const sites = Object.values(model.topics.sites).filter((site) => site.kind !== "township").sort((a, b) => a.code.localeCompare(b.code));
    this.choices.show(sites, (site) => site.id);
    const rooms = Object.values(model.topics.rooms).filter((room) => room.open).sort((a, b) => b.since - a.since);
    this.rows.show(rooms, (room) => room.id);
    put(this.empty, "hidden", rooms.length > 0 || !model.known);
  }

  /** @param {Room} first */
  #row(first) {
    const { words, may } = this.desk;
    let shown = first;
    const title = h("strong", { dir: "auto" });
    const people = h("p.rooms__people");
    const lost = h("p.rooms__missing");
    const missing = h("p.rooms__missing");
    const buttons = h("div.buttons", {}, h("a.button", { href: `${this.desk.page.rooms}${encodeURIComponent(first.id)}`, target: "_blank", rel: "noopener", "data-room-action": `go-${first.id}` }, words.t("rooms.go")));
    const button = (/** @type {string} */ name, /** @type {string} */ kind, /** @type {(room: Room) => Promise<void>} */ run) => {
      const made = h(`button.button${kind}`, { type: "button", "data-room-action": `${name}-${first.id}` }, words.t(`rooms.${name}`));
      made.addEventListener("click", () => void run(shown));
      buttons.append(made);
    };
    if (may("room.link")) button("link", "", (room) => this.#link(room));
    if (may("room.host")) button("end", ".button--quiet", (room) => this.#end(room));
    const node = h("li.rooms__room", { "data-room": first.id }, title, people, lost, missing, buttons);
    const names = (/** @type {string[]} */ all) => all.join(words.t("comma"));
    return {
      node,
      /** @param {Room} room */
      show: (room) => {
        shown = room;
        const { here, missing: away, beside } = attendance(room);
        const gone = room.present.filter((person) => !person.connected);
        const asked = room.expected.length > 0;
        const siteNames = (/** @type {import("../topics.js").RollCall[]} */ calls) => names(calls.map(({ site, name }) => words.name(name) || site));
        write(title, room.title);
        put(people, "data-none", here.length + beside.length === 0);
        const sites = asked ? words.t(here.length > 0 ? "rooms.sites" : "rooms.sites.none", { n: here.length, all: room.expected.length, names: siteNames(here) }) : "";
        const others = beside.length > 0 ? words.t(asked ? "rooms.beside" : "rooms.present", { n: beside.length, names: names(beside.map((person) => person.name)) }) : "";
        write(people, [sites, others].filter(Boolean).join(words.t("rooms.and")) || words.t("rooms.nobody"));
        put(lost, "hidden", gone.length === 0);
        write(lost, words.t("rooms.lost", { names: names(gone.map((person) => person.name)) }));
        put(missing, "hidden", away.length === 0);
        write(missing, words.t("rooms.missing", { n: away.length, names: siteNames(away) }));
      },
    };
  }

  /** @param {Room} room */
  async #end(room) {
    const { words } = this.desk;
    const answer = await ask(words.t("rooms.end.title", { title: room.title }), [h("p", {}, words.t("rooms.end.text", { n: room.present.length }))], [
      { value: "end", text: words.t("rooms.end"), kind: "danger" }, { value: "", text: words.t("cancel") },
    ]);
    if (answer !== "end") return;
    const reply = await call("POST", `/rooms/${encodeURIComponent(room.id)}/close`);
    this.desk.say(reply.ok ? words.t("rooms.ended", { title: room.title }) : words.problem(reply.problem), reply.ok ? "good" : "bad");
  }

  /** Ask for whom, make the link, show it with its QR code. @param {Room} room */
  async #link(room) {
    const { words } = this.desk;
    const name = /** @type {HTMLInputElement} */ (h("input.input", { id: "link-name", maxlength: 60, autocomplete: "off", placeholder: words.t("link.name.placeholder") }));
    const role = /** @type {HTMLSelectElement} */ (h("select.input", { id: "link-role" }, ...ROLES.map((value) => h("option", { value }, words.t(`link.role.${value}`)))));
    const asked = ask(words.t("link.title", { title: room.title }), [
      h("div.field", {}, h("label", { for: "link-name" }, words.t("link.name")), name),
      h("div.field", {}, h("label", { for: "link-role" }, words.t("link.role")), role),
    ], [{ value: "make", text: words.t("link.make"), kind: "primary" }, { value: "", text: words.t("cancel") }]);
    name.focus();
    name.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      // Closing gives the focus back to the button, which would take the same key for a second press.
      event.preventDefault();
      name.closest("dialog")?.close("make");
    });
    if ((await asked) !== "make") return;
    const reply = await call("POST", `/rooms/${encodeURIComponent(room.id)}/links`, { name: name.value.trim() || words.t("link.guest"), role: role.value });
    if (!reply.ok) {
      this.desk.say(words.problem(reply.problem), "bad");
      return;
    }
    const url = new URL(reply.body.url, location.href).href;
    const shown = /** @type {HTMLInputElement} */ (h("input.input", { readonly: true, value: url, "aria-label": words.t("link.address") }));
    const picture = h("img.qr", { src: reply.body.qr, alt: words.t("link.qr") });
    const choice = ask(words.t("link.ready", { name: name.value.trim() || words.t("link.guest") }), [picture, shown, h("p.muted", {}, words.t("link.once"))], [
      { value: "copy", text: words.t("link.copy"), kind: "primary" }, { value: "", text: words.t("done") },
    ]);
    shown.addEventListener("focus", () => shown.select());
    if ((await choice) !== "copy") return;
    // Without https there is no clipboard: then the address is shown to be copied by hand.
    const copied = await navigator.clipboard?.writeText(url).then(() => true, () => false);
    if (copied) this.desk.say(words.t("link.copied"), "good");
    else await ask(words.t("link.by.hand"), [h("p.link-text", {}, url)], [{ value: "", text: words.t("done") }]);
  }
}
