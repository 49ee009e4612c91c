/** The head of the room: how the link is and what the line carries, in words. */

import { setText } from "./draw.js";
import { byId, t } from "./text.js";

const link = byId("link", HTMLElement);
const line = byId("line", HTMLElement);

/** @param {import("./protocol.js").LinkState} state @param {number} tries */
export function showLink(state, tries) {
  link.dataset.link = state;
  setText(link, t(tries > 0 || state !== "signal_lost" ? `room.link.${state}` : "room.link.signal_going", { n: tries }));
}

/** @param {import("./wire.js").Line | null} told @param {boolean} busy whether this computer is what is too slow */
export function showLine(told, busy) {
  if (busy || told === null) {
    line.hidden = !busy;
    line.dataset.step = "busy";
    setText(line, busy ? t("room.line.busy") : "");
    return;
  }
  const weak = !told.send.pictures || told.step !== "full";
  const step = told.send.pictures ? told.step : "own";
  line.hidden = !weak;
  line.dataset.step = told.step;
  setText(line, weak ? t(`room.line.${step}`, { rate: Math.round(told.bps / 1000), loss: Math.round(told.loss * 100) }) : "");
}
