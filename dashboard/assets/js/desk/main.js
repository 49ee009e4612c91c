/** The duty desk: connects the feed, the panels and the keys. */

import { io } from "/assets/vendor/socket.io-client/socket.io.esm.min.js";
import { CONNECTION, Feed } from "../feed.js";
import { put, write } from "../dom.js";
import { Model } from "../model.js";
import { onLogin, renew } from "../session.js";
import { troubleText } from "../trouble.js";
import { call } from "./api.js";
import { Detail } from "./detail.js";
import { Head, showKeys } from "./head.js";
import { Incidents } from "./incidents.js";
import { Intake } from "./intake.js";
import { Journal } from "./journal.js";
import { Outbox } from "./outbox.js";
import { present } from "./present.js";
import { Resources } from "./resources.js";
import { Rooms } from "./rooms.js";
import { ShiftPanel } from "./shift.js";
import { Tabs } from "./tabs.js";
import { Tasks } from "./tasks.js";
import { Walls } from "./walls.js";
import { DeskWords } from "./words.js";

const TOPICS = ["sites", "incidents", "resources", "duty", "rooms", "tasks", "journal", "system"];
const SAID_MS = 6000;

/** @type {import("./context.js").Page} */
const page = JSON.parse(document.getElementById("fenghuo-page")?.textContent ?? "{}");
const words = new DeskWords(page.lang, page.messages, page.timezone);
const model = new Model();
// The skeleton's last element: with it all the others are there.
const footer = await present("desk-said");
const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @type {ReturnType<typeof setTimeout> | undefined} */
let saidTimer;
/** @type {import("./context.js").Desk} */
const desk = {
  page, words, model,
  may: (permission, site) => page.may[permission] === true || (page.may[permission] === false && page.me.site !== null && (site === undefined || site === page.me.site)),
  now: () => Math.round(feed.now() ?? Date.now()),
  say: (text, kind) => {
    write(footer, text);
    put(footer, "data-kind", kind ?? null);
    clearTimeout(saidTimer);
    saidTimer = setTimeout(() => write(footer, ""), SAID_MS);
  },
};

const socket = /** @type {import("../feed.js").Socket} */ (/** @type {unknown} */ (io("/feed", { ...CONNECTION })));
let live = false;
let started = false;
const feed = new Feed(socket, TOPICS, {
  snapshot: (topics) => {
    model.replace(topics);
    detail.refresh();
    draw();
  },
  event: (event) => {
    model.apply(event);
    detail.event(event);
    draw();
    if (event.topic === "incidents") incidents.flash(event.subject);
  },
  tick: (tick) => {
    model.tick({ ...tick, readings: {} });
    draw();
  },
  link: (now) => {
    live = now;
    if (now) {
      started = true;
      put(place("desk-login"), "hidden", true);
      void outbox.flush();
    }
    draw();
  },
  refused: (code) => {
    // After a sleep only the access had run out: who can renew it is told nothing.
    if (code === "unauthenticated") void renew().then((renewal) => (renewal === "refused" ? askLogin() : undefined));
  },
});

const outbox = new Outbox(localStorage, `fenghuo.desk.outbox.${page.me.id}`, (body) => call("POST", "/incidents", body), {
  changed: () => intake?.drawOutbox(),
  sent: (incident) => intake?.recorded(incident),
});
const head = new Head(place("desk-head"), desk);
/** @type {Intake | null} */
let intake = null;
if (desk.may("incident.create")) {
  intake = new Intake(place("desk-intake"), desk, outbox, `fenghuo.desk.draft.${page.me.id}`, (id) => incidents.expect(id));
  addEventListener("storage", (event) => {
    if (event.key === outbox.key) intake?.drawOutbox();
  });
} else {
  put(place("panel-intake"), "hidden", true);
  put(place("desk"), "data-reader", true);
}
const rooms = new Rooms(place("desk-rooms"), desk);
const detail = new Detail(place("desk-detail"), desk, (incident) => {
  tabs.show("rooms");
  rooms.prepare(incident);
});
const incidents = new Incidents(place("desk-incidents"), desk, (id) => void detail.show(id));
const shift = new ShiftPanel(place("desk-shift"), desk);
const resources = new Resources(place("desk-resources"), desk);
const choose = (/** @type {string} */ id) => {
  incidents.select(id);
  incidents.focus();
};
const tasks = new Tasks(place("desk-tasks"), desk, choose);
const journal = new Journal(place("desk-journal"), desk, choose);
/** @type {[string, string, HTMLElement][]} */
const shown = [["rooms", words.t("tab.rooms"), place("desk-rooms")], ["tasks", words.t("tab.tasks"), place("desk-tasks")], ["resources", words.t("tab.resources"), place("desk-resources")]];
const walls = desk.may("wall.approve") ? new Walls(place("desk-walls"), desk) : null;
if (walls) shown.push(["walls", words.t("tab.walls"), place("desk-walls")]);
else put(place("desk-walls"), "hidden", true);
const tabs = new Tabs(place("desk-tabs"), shown);

function draw() {
  head.draw(live);
  const banner = place("desk-banner");
  // At the first moments nothing has gone wrong yet.
  put(banner, "hidden", live || (!started && feed.silence() < 5000));
  if (!live) write(place("desk-banner-text"), words.t("banner.text", { span: words.span(feed.silence()) }));
  // What the server last said of itself; while it is away the banner above says what counts.
  const trouble = live ? troubleText(words, model.topics.system, desk.now(), Object.values(model.topics.readings)) : "";
  put(place("desk-trouble"), "hidden", trouble === "");
  write(place("desk-trouble"), trouble);
  incidents.draw();
  detail.draw();
  shift.draw();
  journal.draw();
  rooms.draw();
  resources.draw();
  tasks.draw(place("tab-tasks"));
  if (tabs.current === "walls") walls?.draw();
  intake?.tick();
  const open = model.openIncidents().length;
  const title = `${open > 0 ? `(${open}) ` : ""}${words.t("title")}`;
  if (document.title !== title) document.title = title;
  if (incidents.selected === null) {
    const first = model.openIncidents()[0];
    if (first) incidents.select(first.id);
  }
}

/** The login ended; what was entered is kept. */
async function askLogin() {
  put(place("desk-login"), "hidden", false);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const target = /** @type {Element} */ (event.target);
  const typing = target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
  if (event.key === "F2" || (event.key === "n" && !typing)) {
    if (intake === null) return;
    event.preventDefault();
    intake.focus();
  } else if (event.key === "F4" || (event.key === "l" && !typing)) {
    event.preventDefault();
    incidents.focus();
  } else if (event.key === "?" && !typing) {
    void showKeys(words);
  } else if (!typing && (event.key === "r" || event.key === "t" || event.key === "s" || event.key === "w")) {
    const name = { r: "rooms", t: "tasks", s: "resources", w: "walls" }[event.key];
    if (shown.some(([tab]) => tab === name)) {
      event.preventDefault();
      tabs.show(name);
      document.getElementById(`tab-${name}`)?.focus();
      draw();
    }
  }
});

onLogin((valid) => {
  if (valid) void outbox.flush();
});
feed.start();
setInterval(draw, 1000);
void outbox.flush();
intake?.focus();
put(place("desk"), "data-ready", true);
draw();
