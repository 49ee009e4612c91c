/** Which of the page's views is shown: before joining, waiting in the lobby, the room, the end. */

import { byId, hasText, t } from "./text.js";

/** @typedef {"prejoin" | "lobby" | "room" | "over"} Stage */

/** Asking again would be answered the same. */
const NO_WAY_BACK = new Set(["removed", "ended", "room_closed", "link_refused"]);

const views = { prejoin: byId("prejoin", HTMLElement), lobby: byId("lobby", HTMLElement), room: byId("room", HTMLElement), over: byId("over", HTMLElement) };

/** @param {Stage} name */
export function show(name) {
  for (const [key, view] of Object.entries(views)) view.hidden = key !== name;
  document.body.dataset.stage = name;
}

/** @returns {boolean} */
export function inRoom() {
  return !views.room.hidden;
}

/** @param {string} reason */
export function showEnd(reason) {
  byId("over-reason", HTMLElement).textContent = t(hasText(`room.over.${reason}`) ? `room.over.${reason}` : "room.over.forbidden");
  views.over.querySelector("button")?.toggleAttribute("hidden", NO_WAY_BACK.has(reason));
  show("over");
}
