/** The consultation page: wires the protocol to the views. What each does is in its own module. */

import { takeCall } from "/assets/js/ring/calls.js";
import { renew } from "/assets/js/session.js";
import { post } from "./api.js";
import { stayAwake } from "./awake.js";
import { Busy } from "./busy.js";
import { Calls, nameOf } from "./calls.js";
import { Chat, unreadWords } from "./chat.js";
import { control, drawControls, drawTab, flag } from "./controls.js";
import { remembered } from "./devices.js";
import { showLine, showLink } from "./head.js";
import { Invite } from "./invite.js";
import { listen } from "./keys.js";
import { LayoutMenu } from "./layoutmenu.js";
import { Lead } from "./lead.js";
import { Lines } from "./lines.js";
import { Minutes } from "./minutes.js";
import { tell, tellError } from "./notice.js";
import { Own } from "./own.js";
import { Panel } from "./panel.js";
import { People } from "./people.js";
import { Prejoin } from "./prejoin.js";
import { RoomClient } from "./protocol.js";
import { Settings } from "./settings.js";
import { Sounds } from "./sounds.js";
import { inRoom, show, showEnd } from "./stage.js";
import { Talk } from "./talk.js";
import { byId, config, t } from "./text.js";
import { Tiles } from "./tiles.js";

const MEASURE_MS = 2000;

/** @type {import("./wire.js").Roster} */
let roster = { version: 0, participants: [] };
let askedToMute = false;
/** @type {import("./wire.js").Line | null} what the line carries, as it was told last */
let lineTold = null;
/** When was measured last while the page was seen; null before. @type {number | null} */
let measuredAt = null;
const busy = new Busy();

const title = byId("title", HTMLHeadingElement);
const askDialog = byId("asked", HTMLDialogElement);
const sounds = new Sounds();
const tiles = new Tiles(byId("tiles", HTMLElement), (wanted) => client.want(wanted));

const client = new RoomClient(config.room, {
  link(state, tries, reason) {
    if (state === "over") end(reason);
    else showLink(state, tries);
  },
  lobby(name) {
    byId("lobby-title", HTMLElement).textContent = name;
    show("lobby");
  },
  welcome(welcome) {
    if (!inRoom()) show("room");
    title.textContent = welcome.title;
    document.title = `${welcome.title} · ${t("room.brand")}`;
    tiles.me = chat.me = welcome.participant;
    tiles.videoSlots = welcome.video_slots;
    tiles.clockAhead = minutes.clockAhead = welcome.now - Date.now();
    control("invite").hidden = !config.may_invite;
    byId("end", HTMLButtonElement).hidden = !isHost();
    for (const said of welcome.chat ?? []) chat.add(said, true);
    for (const entry of welcome.minutes ?? []) minutes.add(entry);
    draw();
  },
  roster(told) {
    roster = told;
    talk.heard(told);
    tiles.people = told.participants;
    tiles.floor = told.floor?.participant ?? null;
    tiles.draw();
    draw();
  },
  track(slot, track) {
    if (slot.startsWith("v")) tiles.setTrack(slot, track);
    else sounds.hear(slot, track);
  },
  shown(shown) {
    tiles.shown = shown;
    tiles.draw();
  },
  speakers: (participants) => tiles.setSpeaking(participants),
  line(line) {
    tiles.step = line.step;
    tiles.sends = line.send.pictures;
    lineTold = line;
    showLine(line, busy.busy);
  },
  muted(muted) {
    if (muted && !askedToMute && !talk.acting && client.welcome !== null && talk.mode === "open") tell(t("room.muted_by_host"));
    draw();
  },
  asked(by) {
    byId("asked-by", HTMLElement).textContent = t("room.asked.by", { name: by });
    if (client.muted && !askDialog.open) askDialog.showModal();
  },
  waiting(who) {
    lead.wait(who);
    flag("people", who.length === 0 ? "" : String(who.length), t("room.lobby.waiting", { n: who.length }));
  },
  offence(participant, what) {
    const who = roster.participants.find((one) => one.participant === participant);
    if (who === undefined) return;
    people.offended(participant, serverNow());
    tell(t(`room.offence.${what}`, { name: who.name }));
    draw();
  },
  said: (said) => chat.add(said),
  minuted: (entry) => minutes.add(entry),
}, renew);

const own = new Own(client, () => {
  tiles.own = { camera: own.camera, screen: own.screen };
  tiles.draw();
  draw();
  void settings.draw();
});
const talk = new Talk(client, draw);
const settings = new Settings(own, sounds, talk);
const people = new People(client.commands);
const lines = new Lines(config.room, () => draw());
const lead = new Lead(client.commands);
const calls = new Calls(client.commands);
const minutes = new Minutes(client.commands);
const invite = new Invite();
const layouts = new LayoutMenu(tiles);
const chat = new Chat(client.commands, (unread) => flag("chat", unread === 0 ? "" : String(Math.min(99, unread)), unreadWords(unread)));
const panel = new Panel((tab) => {
  drawTab(tab);
  followLines();
  byId("more", HTMLElement).dataset.open = "false";
  drawChat();
});

const prejoin = new Prejoin(tiles.layout, (opened, byHolding) => {
  show("room");
  talk.byHolding = byHolding;
  own.start(opened);
  tiles.own.camera = opened.camera;
  void sounds.setSpeaker(remembered().speaker);
  client.join({ audio: opened.microphone, camera: opened.camera, muted: opened.microphone === null || byHolding }, prejoin.watches);
  stayAwake(true);
  layouts.draw();
  draw();
});

/** @type {Record<string, (button: HTMLElement) => void | Promise<unknown>>} */
const actions = {
  mute: toggleMute,
  camera: () => own.toggleCamera(),
  screen: () => own.toggleScreen(),
  hand: () => client.commands.hand(typeof self()?.hand !== "number"),
  people: () => panel.toggle("people"),
  chat: () => panel.toggle("chat"),
  calls: () => panel.toggle("calls"),
  minutes: () => panel.toggle("minutes"),
  "panel-close": () => panel.show(null),
  layout: () => layouts.toggle(),
  "layout-next": () => layouts.next(),
  settings: () => settings.open(),
  "settings-close": () => settings.dialog.close(),
  more: (button) => toggleMore(button),
  escape: closeAll,
  invite: () => invite.open(),
  "invite-close": () => invite.close(),
  copy: (button) => invite.copy(button),
  sound: () => sounds.turnOn(),
  resume: () => own.resume(),
  "asked-yes": () => {
    askDialog.close();
    return client.setMuted(false);
  },
  "asked-no": () => askDialog.close(),
  leave: () => client.leave(),
  "leave-lobby": () => client.leave(),
  end: endForAll,
  again: () => location.reload(),
};

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-action]") : null;
  if (button instanceof HTMLElement) void run(button.dataset.action ?? "", button);
});
listen({
  live: inRoom,
  run(action) {
    const button = document.querySelector(`.controls [data-action="${action}"]`);
    if (button instanceof HTMLButtonElement && (button.disabled || button.hidden)) return;
    void run(action, button instanceof HTMLElement ? button : document.body);
  },
  press() {
    const speaks = talk.mode === "floor" || talk.holding || (client.muted && document.activeElement === document.body);
    if (speaks) talk.press();
    return speaks;
  },
  release: () => talk.release(),
});

// Held like the button of a radio; a host who was given the floor ends it with a click.
const talkButton = control("talk");
talkButton.addEventListener("pointerdown", (event) => {
  if (talk.mine && !talk.holding) return;
  talkButton.setPointerCapture(event.pointerId);
  talk.press();
});
for (const what of ["pointerup", "pointercancel", "lostpointercapture"]) talkButton.addEventListener(what, () => talk.release());
talkButton.addEventListener("contextmenu", (event) => event.preventDefault());
talkButton.addEventListener("click", () => {
  if (talk.mine && !talk.holding) void talk.giveBack();
});

// Closing the page is leaving; a page that only sleeps (a phone's) comes back and goes on.
addEventListener("pagehide", (event) => {
  if (!event.persisted) client.leave();
});
document.addEventListener("visibilitychange", () => {
  followLines();
  void client.setHidden(document.visibilityState === "hidden").catch(() => undefined);
});
setInterval(() => void measure().catch(() => undefined), MEASURE_MS);

/** @param {string} name @param {HTMLElement} button */
async function run(name, button) {
  try {
    await actions[name]?.(button);
  } catch (error) {
    tellError(error);
  }
}

function isHost() {
  return client.welcome?.role === "host";
}

function self() {
  return roster.participants.find((one) => one.participant === client.welcome?.participant);
}

function serverNow() {
  return Date.now() + tiles.clockAhead;
}

/** Show who is there, what is allowed and what one does oneself, as everything stands now. */
function draw() {
  const rules = roster.rules ?? { locked: false, lobby: false, talk: "open", chat: "everyone" };
  drawControls({
    listener: client.welcome?.role === "listener",
    muted: client.muted,
    microphone: own.microphone !== null,
    camera: own.camera !== null,
    screen: own.screen !== null,
    hand: typeof self()?.hand === "number",
    floorMode: talk.mode === "floor",
    byHolding: talk.byHolding,
    talking: talk.holding,
    speaking: talk.speaking,
  });
  people.show(roster.participants, { me: tiles.me, host: isHost(), floor: talk.floor?.participant ?? null, talk: talk.mode, now: serverNow(), lines: lines.said });
  lead.show(isHost(), rules);
  calls.show(roster, isHost(), serverNow());
  minutes.show(isHost(), [...(roster.rollcall ?? []).map(nameOf), ...roster.participants.map(({ name }) => name)]);
  const holder = roster.participants.find((one) => one.participant === talk.floor?.participant);
  const floor = byId("floor", HTMLElement);
  floor.hidden = talk.mode !== "floor";
  floor.textContent = holder === undefined ? t("room.floor.free") : t("room.floor.holds", { name: holder.name });
  byId("locked", HTMLElement).hidden = !rules.locked;
  drawChat();
}

function followLines() {
  lines.follow(panel.open === "people" && isHost() && document.visibilityState === "visible");
}

function drawChat() {
  const may = config.may_write && (roster.rules?.chat !== "speakers" || client.welcome?.role !== "listener");
  const open = panel.open === "chat";
  if (open !== chat.open || chat.form.hidden === may) chat.show(open, may);
}

async function measure() {
  // A page out of sight gets its timers late, and has no session to compare with after a new one.
  if (client.session === null || document.visibilityState === "hidden") {
    measuredAt = null;
    return;
  }
  const at = performance.now();
  const late = measuredAt === null ? 0 : at - measuredAt - MEASURE_MS;
  measuredAt = at;
  const [{ slots }, sent] = await Promise.all([client.stats(), client.session.sent()]);
  tiles.measure(slots, sent, at);
  busy.take({ at, late, limited: sent.limited, slots: slots.filter(({ slot }) => slot.startsWith("v")), pictures: tiles.remote.length });
  tiles.setLimit(busy.limit);
  showLine(lineTold, busy.busy);
  if (busy.busy) await client.tellBusy().catch(() => undefined);
  // A figure that did not get through is told with the next one.
  await client.tellFreezes(slots).catch(() => undefined);
}

async function toggleMute() {
  askedToMute = true;
  try {
    await client.setMuted(!client.muted);
  } finally {
    askedToMute = false;
  }
}

/** @param {HTMLElement} button */
function toggleMore(button) {
  const more = byId("more", HTMLElement);
  more.dataset.open = String(more.dataset.open !== "true");
  button.setAttribute("aria-expanded", more.dataset.open);
}

function closeAll() {
  byId("more", HTMLElement).dataset.open = "false";
  layouts.close();
  panel.show(null);
}

async function endForAll() {
  if (!confirm(t("room.do.end_sure"))) return;
  const answer = await post(`/api/v1/rooms/${config.room}/close`, {});
  if (!answer.ok) tell(String(answer.body.detail ?? answer.body.title ?? answer.status));
}

/** @param {string} reason */
function end(reason) {
  lines.follow(false);
  own.stop();
  stayAwake(false);
  showEnd(reason);
}

/** Exchange the join link for this browser's right to enter, and take it out of the address bar. @param {string} link */
async function redeem(link) {
  const answer = await post("/api/v1/links/redeem", { link });
  if (answer.ok && answer.body.room === config.room) location.replace(`/rooms/${config.room}${config.lang === "en" ? "?lang=en" : ""}`);
  else end("link_refused");
}

// For whoever looks from outside: tests, and support on the telephone.
Object.assign(window, { fenghuo: { room: { stats: () => client.stats() } } });
if (config.link === null) {
  prejoin.start();
  client.prepare(config.video_slots);
  // Who pressed "join" where it rang has decided; the button waits for the devices, as for a finger.
  if (takeCall(config.room)) byId("join", HTMLButtonElement).click();
} else {
  void redeem(config.link);
}
