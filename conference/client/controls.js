/** The bar of controls: each shows what is, and what pressing it does. */

import { byId, t } from "./text.js";

/**
 * @typedef {{listener: boolean, muted: boolean, microphone: boolean, camera: boolean, screen: boolean, hand: boolean,
 *   floorMode: boolean, byHolding: boolean, talking: boolean, speaking: boolean}} State
 */

const SHARES = navigator.mediaDevices?.getDisplayMedia !== undefined;

/** @param {State} state */
export function drawControls(state) {
  const { listener, muted, microphone, camera, screen, hand, floorMode, byHolding, talking, speaking } = state;
  byId("listens", HTMLElement).hidden = !listener;
  for (const name of ["camera", "hand"]) control(name).hidden = listener;
  // Whom a host has asked to unmute is heard without holding, and ends it by muting.
  const held = floorMode || (byHolding && (muted || talking));
  control("mute").hidden = listener || held;
  control("talk").hidden = listener || !held;
  control("screen").hidden = listener || !SHARES;
  const silent = muted || !microphone;
  dress("mute", silent ? "icon-mic-off" : "icon-mic", t(silent ? "room.do.unmute" : "room.do.mute"), silent, !microphone);
  dress("talk", speaking ? "icon-mic" : "icon-floor", t(speaking && !talking ? "room.do.talk_end" : speaking ? "room.do.talking" : talking ? "room.do.talk_wait" : "room.do.talk"), speaking, !microphone);
  dress("camera", camera ? "icon-camera" : "icon-camera-off", t(camera ? "room.do.camera_off" : "room.do.camera_on"), !camera, navigator.mediaDevices === undefined);
  dress("screen", "icon-screen", t(screen ? "room.do.screen_off" : "room.do.screen_on"), screen, false);
  dress("hand", "icon-hand", t(hand ? "room.do.hand_down" : "room.do.hand_up"), hand, false);
}

/** Mark the control of the open tab. @param {string | null} tab */
export function drawTab(tab) {
  for (const name of ["people", "chat", "calls", "minutes"]) control(name).setAttribute("aria-expanded", String(name === tab));
}

/** A small sign at a control, such as how much is unread. @param {string} name @param {string} sign @param {string} [words] for a screen reader */
export function flag(name, sign, words = sign) {
  const mark = control(name).querySelector(".control__flag");
  if (!(mark instanceof HTMLElement) || mark.textContent === sign) return;
  mark.textContent = sign;
  mark.hidden = sign === "";
  mark.setAttribute("aria-label", words);
}

/** @param {string} name @returns {HTMLButtonElement} */
export function control(name) {
  const button = document.querySelector(`.controls [data-action="${name}"]`);
  if (!(button instanceof HTMLButtonElement)) throw new Error(`the page has no control ${name}`);
  return button;
}

/** @param {string} name @param {string} iconId @param {string} words @param {boolean} pressed @param {boolean} disabled */
function dress(name, iconId, words, pressed, disabled) {
  const button = control(name);
  button.querySelector("use")?.setAttribute("href", `#${iconId}`);
  const label = button.querySelector(".control__label");
  if (label !== null && label.textContent !== words) label.textContent = words;
  button.setAttribute("aria-pressed", String(pressed));
  button.disabled = disabled;
}
