/** The consultation page: wires the protocol to the views, the controls and the keyboard. */

import { post } from "./api.js";
import * as devices from "./devices.js";
import { Invite } from "./invite.js";
import { People } from "./people.js";
import { Prejoin } from "./prejoin.js";
import { RoomClient } from "./protocol.js";
import { byId, config, hasText, t } from "./text.js";
import { Tiles } from "./tiles.js";

const NOTICE_MS = 6000;

const views = { prejoin: byId("prejoin", HTMLElement), room: byId("room", HTMLElement), over: byId("over", HTMLElement) };
const linkMark = byId("link", HTMLElement);
const lineMark = byId("line", HTMLElement);
const title = byId("title", HTMLHeadingElement);
const notice = byId("notice", HTMLElement);
const soundBar = byId("sound", HTMLElement);
const sounds = byId("sounds", HTMLElement);

/** @type {import("./wire.js").Participant[]} */
let roster = [];
let me = "";
let host = false;
let cameraId = "";
let askedToMute = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let noticeTimer;
/** @type {WakeLockSentinel | null} */
let wakeLock = null;
/** @type {Map<string, HTMLAudioElement>} */
const speakers = new Map();

const tiles = new Tiles(byId("tiles", HTMLElement), (wanted) => client.want(wanted));
const people = new People({
  mute: (participant) => void client.mute(participant).catch(tellError),
  remove: (participant) => void client.remove(participant).catch(tellError),
});
const invite = new Invite();

const client = new RoomClient(config.room, {
  link(state, tries, reason) {
    if (state === "over") {
      end(reason);
      return;
    }
    linkMark.dataset.link = state;
    linkMark.textContent = t(`room.link.${state}`, { n: tries });
  },
  welcome(welcome) {
    me = welcome.participant;
    host = welcome.role === "host";
    title.textContent = welcome.title;
    document.title = `${welcome.title} · ${t("room.brand")}`;
    tiles.me = me;
    tiles.videoSlots = welcome.video_slots;
    tiles.clockAhead = welcome.now - Date.now();
    control("invite").hidden = !config.may_invite;
    byId("end", HTMLButtonElement).hidden = !host;
    drawControls();
  },
  roster(told) {
    roster = told.participants;
    tiles.people = roster;
    tiles.draw();
    people.show(roster, me, host);
  },
  track(slot, track) {
    if (slot.startsWith("v")) tiles.setTrack(slot, track);
    else hear(slot, track);
  },
  shown(shown) {
    tiles.shown = shown;
    tiles.draw();
  },
  speakers(participants) {
    tiles.speaking = new Set(participants);
    tiles.draw();
  },
  line(line) {
    const weak = !line.send.pictures || line.step !== "full";
    const key = line.send.pictures ? line.step : "own";
    lineMark.hidden = !weak;
    lineMark.textContent = weak ? t(`room.line.${key}`, { rate: Math.round(line.bps / 1000), loss: Math.round(line.loss * 100) }) : "";
  },
  muted(muted) {
    if (muted && !askedToMute && client.welcome !== null) tell(t("room.muted_by_host"));
    drawControls();
  },
});

const prejoin = new Prejoin((opened) => {
  show("room");
  cameraId = opened.cameraId;
  tiles.own.camera = opened.camera;
  watchEnd(opened.camera);
  client.join({ audio: opened.audio, camera: opened.camera, muted: opened.audio === null });
  void stayAwake();
  drawControls();
});

/** @type {Record<string, (button: HTMLElement) => void | Promise<void>>} */
const actions = {
  mute: toggleMute,
  camera: toggleCamera,
  screen: toggleScreen,
  people: togglePeople,
  invite: () => invite.open(),
  "invite-close": () => invite.close(),
  copy: (button) => invite.copy(button),
  sound: turnOnSound,
  leave: () => client.leave(),
  end: endForAll,
  again: () => location.reload(),
};

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-action]") : null;
  if (button instanceof HTMLElement) void run(button.dataset.action ?? "", button);
});

document.addEventListener("keydown", (event) => {
  if (views.room.hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target instanceof Element && event.target.closest("input, select, textarea, dialog")) return;
  const name = { m: "mute", v: "camera", s: "screen", p: "people" }[event.key.toLowerCase()];
  if (name === undefined || control(name).disabled) return;
  event.preventDefault();
  void run(name, control(name));
});

// Closing the page is leaving; a page that only sleeps (a phone's) comes back and goes on.
addEventListener("pagehide", (event) => {
  if (!event.persisted) client.leave();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && !views.room.hidden) void stayAwake();
});

/** @param {string} name @param {HTMLElement} button */
async function run(name, button) {
  const action = actions[name];
  if (action === undefined) return;
  try {
    await action(button);
  } catch (error) {
    tellError(error);
  }
}

async function toggleMute() {
  if (control("mute").disabled) return;
  askedToMute = true;
  try {
    await client.setMuted(!client.muted);
  } finally {
    askedToMute = false;
  }
}

async function toggleCamera() {
  if (client.sending.camera !== null) {
    client.sending.camera.stop();
    tiles.own.camera = null;
    await client.setCamera(null);
  } else {
    const { track, trouble } = await devices.openCamera(cameraId);
    if (track === null) {
      tell(t(`room.trouble.${trouble ?? "missing"}`));
      return;
    }
    watchEnd(track);
    tiles.own.camera = track;
    await client.setCamera(track);
  }
  tiles.draw();
  drawControls();
}

async function toggleScreen() {
  if (client.sending.screen !== null) {
    client.sending.screen.stop();
    await endScreen();
    return;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 10, max: 15 } }, audio: false });
  } catch {
    tell(t("room.trouble.screen"));
    return;
  }
  const [track] = stream.getVideoTracks();
  // The browser has a button of its own that ends the sharing.
  track.addEventListener("ended", () => void endScreen().catch(tellError));
  tiles.own.screen = track;
  await client.setScreen(track);
  drawControls();
}

async function endScreen() {
  tiles.own.screen = null;
  await client.setScreen(null);
  drawControls();
}

/** A camera that is unplugged ends by itself. @param {MediaStreamTrack | null} track */
function watchEnd(track) {
  track?.addEventListener("ended", () => {
    if (client.sending.camera !== track) return;
    tiles.own.camera = null;
    tell(t("room.trouble.no_camera"));
    void client.setCamera(null).catch(tellError).then(drawControls);
  });
}

function togglePeople() {
  people.panel.hidden = !people.panel.hidden;
  control("people").setAttribute("aria-expanded", String(!people.panel.hidden));
}

async function endForAll() {
  if (!confirm(t("room.do.end_sure"))) return;
  const answer = await post(`/api/v1/rooms/${config.room}/close`, {});
  if (!answer.ok) tell(String(answer.body.detail ?? answer.body.title ?? answer.status));
}

/** @param {string} slot @param {MediaStreamTrack} track */
function hear(slot, track) {
  let speaker = speakers.get(slot);
  if (speaker === undefined) {
    speaker = document.createElement("audio");
    speaker.autoplay = true;
    speakers.set(slot, speaker);
    sounds.append(speaker);
  }
  speaker.srcObject = new MediaStream([track]);
  speaker.play().catch((error) => {
    if (error instanceof DOMException && error.name === "NotAllowedError") soundBar.hidden = false;
  });
}

async function turnOnSound() {
  soundBar.hidden = true;
  for (const speaker of speakers.values()) await speaker.play();
}

async function stayAwake() {
  try {
    if (wakeLock === null || wakeLock.released) wakeLock = (await navigator.wakeLock?.request("screen")) ?? null;
  } catch {
    // Low battery or a hidden page: the screen may sleep, nothing else changes.
    wakeLock = null;
  }
}

function drawControls() {
  const listener = client.welcome?.role === "listener";
  byId("listens", HTMLElement).hidden = !listener;
  for (const name of ["mute", "camera", "screen"]) control(name).hidden = listener;
  const muted = client.muted || client.sending.audio === null;
  dress("mute", muted ? "icon-mic-off" : "icon-mic", t(muted ? "room.do.unmute" : "room.do.mute"), muted, listener || client.sending.audio === null);
  const camera = client.sending.camera !== null;
  dress("camera", camera ? "icon-camera" : "icon-camera-off", t(camera ? "room.do.camera_off" : "room.do.camera_on"), !camera, listener || navigator.mediaDevices === undefined);
  const screen = client.sending.screen !== null;
  dress("screen", "icon-screen", t(screen ? "room.do.screen_off" : "room.do.screen_on"), screen, listener || navigator.mediaDevices?.getDisplayMedia === undefined);
}

/** @param {string} name @param {string} iconId @param {string} words @param {boolean} pressed @param {boolean} disabled */
function dress(name, iconId, words, pressed, disabled) {
  const button = control(name);
  button.querySelector("use")?.setAttribute("href", `#${iconId}`);
  const label = button.querySelector("span");
  if (label !== null) label.textContent = words;
  button.setAttribute("aria-pressed", String(pressed));
  button.disabled = disabled;
}

/** @param {string} name @returns {HTMLButtonElement} */
function control(name) {
  const button = document.querySelector(`.controls [data-action="${name}"]`);
  if (!(button instanceof HTMLButtonElement)) throw new Error(`the page has no control ${name}`);
  return button;
}

/** @param {string} words */
function tell(words) {
  notice.textContent = words;
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => {
    notice.hidden = true;
  }, NOTICE_MS);
}

/** @param {unknown} error */
function tellError(error) {
  tell(error instanceof Error ? error.message : String(error));
}

/** @param {"prejoin" | "room" | "over"} name */
function show(name) {
  for (const [key, view] of Object.entries(views)) view.hidden = key !== name;
  document.body.dataset.stage = name;
}

/** @param {string} reason */
function end(reason) {
  for (const track of [client.sending.audio, client.sending.camera, client.sending.screen]) track?.stop();
  void wakeLock?.release();
  byId("over-reason", HTMLElement).textContent = t(hasText(`room.over.${reason}`) ? `room.over.${reason}` : "room.over.forbidden");
  views.over.querySelector("button")?.toggleAttribute("hidden", reason === "removed" || reason === "ended" || reason === "link_refused");
  show("over");
}

/** Exchange the join link for this browser's right to enter, and take it out of the address bar. @param {string} link */
async function redeem(link) {
  const answer = await post("/api/v1/links/redeem", { link });
  if (answer.ok && answer.body.room === config.room) location.replace(`/rooms/${config.room}${config.lang === "en" ? "?lang=en" : ""}`);
  else end("link_refused");
}

// For whoever looks from outside: tests, and support on the telephone.
Object.assign(window, { fenghuo: { room: { stats: () => client.stats() } } });
if (config.link === null) prejoin.start();
else void redeem(config.link);
