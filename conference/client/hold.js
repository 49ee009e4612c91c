/** Whether one speaks by holding a button (push-to-talk) or with an open microphone: as chosen last, else what suits the place. */

const KEEP = "fenghuo-room-hold";

/**
 * A tablet lies on a table among people, and a command room has many of them around one microphone: there nobody is heard by accident.
 * @param {import("./layouts.js").Layout} layout
 * @returns {boolean}
 */
export function holdsToTalk(layout) {
  const chosen = localStorage.getItem(KEEP);
  if (chosen !== null) return chosen === "true";
  return layout === "command" || matchMedia("(pointer: coarse)").matches;
}

/** From now on, also next time. @param {boolean} holds */
export function chooseHold(holds) {
  localStorage.setItem(KEEP, String(holds));
}
