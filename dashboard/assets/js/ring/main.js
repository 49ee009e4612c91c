/** Rings on this page when its site is called into a consultation, whatever the page is for: over everything, with who calls, "join" and "decline". */

import { io } from "/assets/vendor/socket.io-client/socket.io.esm.min.js";
import { h, put, write } from "../dom.js";
import { CONNECTION } from "../feed.js";
import { onLogin, renew, send } from "../session.js";
import { Bell } from "./bell.js";
import { Calls, passCall } from "./calls.js";

/** @typedef {import("./calls.js").Call} Call */

const LOOK_MS = 1000;
const RETRY_MS = 2000;
const ANSWER_MS = 5000;

/** @param {import("../signedin.js").SignedIn} page */
export function start(page) {
  new Ring(page).start();
}

class Ring {
  #calls = new Calls();
  #bell = new Bell(() => this.#draw());
  /** @type {string} the call that is shown */
  #shown = "";
  #loggedOut = false;

  /** @param {import("../signedin.js").SignedIn} page */
  constructor(page) {
    this.page = page;
    // A wall has nobody who presses, and what it shows must stay seen.
    this.watches = page.kind === "device";
    this.socket = io("/screens", { ...CONNECTION, forceNew: true });
    this.who = h("p.ring__who");
    this.title = h("h1.ring__title", { tabindex: -1, autofocus: true });
    this.more = h("p.ring__more");
    this.sound = h("p.ring__sound", { role: "status" });
    this.exercise = h("span.badge.badge--exercise", {}, this.#t("exercise"));
    this.join = /** @type {HTMLAnchorElement} */ (h("a.button.button--primary.button--large", { "data-ring": "join" }, this.#t("join")));
    this.decline = /** @type {HTMLButtonElement} */ (h("button.button.button--large", { type: "button", "data-ring": "decline" }, this.#t("decline")));
    this.later = h("button.button.button--quiet.ring__later", { type: "button", "data-ring": "silence" }, this.#t("silence"));
    this.dialog = /** @type {HTMLDialogElement} */ (
      h("dialog.ring", { "aria-live": "assertive" }, this.later,
        h("div.ring__call", {}, h("p.ring__heading", {}, h("span.ring__mark", { "aria-hidden": "true" }), this.#t("heading"), this.exercise), this.title, this.who, this.more),
        h("div.ring__do", {}, this.sound, h("div.ring__buttons", {}, this.decline, this.join)))
    );
    this.bar = h("div.ring-bar", { role: "status", hidden: true });
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#silence();
    });
    this.later.addEventListener("click", () => this.#silence());
    this.decline.addEventListener("click", () => void this.#decline(this.decline));
    this.join.addEventListener("click", () => this.#joined());
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  #t(key, values = {}) {
    return (this.page.messages[`ring.${key}`] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
  }

  start() {
    document.body.append(this.dialog, this.bar);
    const { socket } = this;
    socket.on("connect", () => this.#watch());
    socket.on("calls", (/** @type {{calls: Call[]}} */ told) => this.#hear(told.calls));
    socket.on("connect_error", (error) => void this.#refused(error));
    // Hung up by the server, when the login ended: socket.io does not come back by itself.
    socket.on("disconnect", () => setTimeout(() => socket.connect(), RETRY_MS));
    onLogin((valid) => {
      this.#loggedOut = !valid;
      if (valid && !socket.active) socket.connect();
      this.#draw();
    });
    socket.connect();
    setInterval(() => this.#draw(), LOOK_MS);
    void this.#bell.prepare();
  }

  #watch() {
    this.socket.timeout(ANSWER_MS).emit("watch", {}, (/** @type {Error | null} */ error, /** @type {{calls?: Call[]}} */ reply) => {
      if (error !== null || reply.calls === undefined) setTimeout(() => this.socket.connected && this.#watch(), RETRY_MS);
      else this.#hear(reply.calls);
    });
  }

  /** @param {Error & {data?: {code?: string}}} error */
  async #refused(error) {
    if (this.socket.active) return;
    if (error.data?.code === "unauthenticated" && (await renew()) === "refused") return;
    setTimeout(() => this.socket.connect(), RETRY_MS);
  }

  /** @param {Call[]} calls */
  #hear(calls) {
    // The caller sees at once that a screen is on.
    for (const call of this.#calls.hear(calls, performance.now())) this.socket.emit("heard", { room: call.room });
    this.#draw();
  }

  /** What is to be shown: not on a page that is in that very room, and only finds back to it. */
  #ringing() {
    const { room, stage } = document.body.dataset;
    const there = stage === "room" || stage === "lobby";
    return this.#calls.ringing(performance.now()).filter((call) => !(there && call.room === room));
  }

  #draw() {
    const ringing = this.#ringing();
    const call = ringing.find((one) => !this.#calls.isSilenced(one)) ?? ringing[0];
    const loud = call !== undefined && !this.#calls.isSilenced(call);
    this.#shown = call === undefined ? "" : call.room;
    if (loud) this.#bell.ring(this.#t("title", { title: call.title }));
    else this.#bell.still();
    // Who stands before the door of that room sees its own "join"; it still rings, from the edge.
    const before = call !== undefined && call.room === document.body.dataset.room;
    const covers = loud && !this.watches && !before;
    if (call !== undefined) this.#fill(call, ringing.length - 1);
    if (covers && !this.dialog.open) this.dialog.showModal();
    if (!covers && this.dialog.open) this.dialog.close();
    this.#drawBar(covers ? undefined : call);
  }

  /** @param {Call} call @param {number} others */
  #fill(call, others) {
    const site = call.site[this.page.lang] || call.site.zh;
    write(this.title, call.title);
    write(this.who, this.#t(call.by === "" ? "who_nobody" : "who", { by: call.by, site }));
    write(this.more, others > 0 ? this.#t("more", { n: others }) : "");
    put(this.exercise, "hidden", !call.exercise);
    write(this.sound, this.#bell.audible ? "" : this.#t("held_back"));
    put(this.join, "href", `/rooms/${encodeURIComponent(call.room)}`);
    // What is being typed there stays.
    put(this.join, "target", "typing" in document.body.dataset ? "_blank" : null);
  }

  /** The line at the edge of the page: a call that was silenced, or why none could be heard. @param {Call | undefined} call */
  #drawBar(call) {
    const kind = call !== undefined ? `call ${call.room} ${call.since}` : this.#loggedOut ? "login" : this.#bell.audible || this.watches || this.dialog.open ? "" : "tap";
    if (this.bar.dataset.kind === kind) return;
    this.bar.dataset.kind = kind;
    put(this.bar, "hidden", kind === "");
    if (call !== undefined) {
      const words = h("span", {}, h("strong", {}, this.#t("heading")), ` ${call.title} · ${this.who.textContent}`);
      this.bar.replaceChildren(words, ...(this.watches ? [h("span", {}, this.#t("answer_elsewhere"))] : this.#barButtons(call)));
    } else if (kind === "login") {
      const back = encodeURIComponent(location.pathname + location.search);
      this.bar.replaceChildren(h("span", {}, this.#t("login")), h("a.button", { href: `/login?next=${back}`, target: "typing" in document.body.dataset ? "_blank" : null }, this.#t("login_again")));
    } else if (kind === "tap") {
      this.bar.replaceChildren(h("span", {}, this.#t("tap")));
    } else {
      this.bar.replaceChildren();
    }
  }

  /** @param {Call} call */
  #barButtons(call) {
    const join = h("a.button.button--primary", { href: this.join.getAttribute("href"), target: this.join.getAttribute("target") }, this.#t("join"));
    const decline = /** @type {HTMLButtonElement} */ (h("button.button", { type: "button" }, this.#t("decline")));
    join.addEventListener("click", () => this.#joined(call));
    decline.addEventListener("click", () => void this.#decline(decline, call));
    return [h("div.ring-bar__do", {}, decline, join)];
  }

  /** The call that is shown in the dialog. */
  get #current() {
    return this.#ringing().find((call) => call.room === this.#shown);
  }

  #silence() {
    const call = this.#current;
    if (call !== undefined) this.#calls.silence(call);
    this.#draw();
  }

  #joined(call = this.#current) {
    if (call === undefined) return;
    passCall(call.room);
    this.#calls.end(call);
    // After the browser has followed the link.
    setTimeout(() => this.#draw(), 0);
  }

  /** @param {HTMLButtonElement} button @param {Call} [call] */
  async #decline(button, call = this.#current) {
    if (call === undefined) return;
    button.disabled = true;
    const site = encodeURIComponent(this.page.site ?? "");
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ answer: "decline" }), signal: AbortSignal.timeout(ANSWER_MS) };
    // 409: it was answered or is over meanwhile, which is what was wanted.
    const done = await send(`/api/v1/rooms/${encodeURIComponent(call.room)}/rings/${site}`, options).then((answer) => answer.ok || answer.status === 409, () => false);
    button.disabled = false;
    write(button, this.#t(done ? "decline" : "not_declined"));
    if (done) this.#calls.end(call);
    this.#draw();
  }
}
