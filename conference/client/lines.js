/** How everybody's line is, for hosts: read every few seconds while the list of people is open. */

import { get } from "./api.js";
import { rateOf, t } from "./text.js";

/** @typedef {{step: string, down_bps: number, down_loss: number, up_bps: number, up_loss: number, round_trip_ms: number}} Figures */
/** What is said of a line, and whether it is a bad one. @typedef {{words: string[], weak: boolean}} Said */

const READ_EVERY_MS = 5000;
const LOSSY = 0.08;
const SLOW_MS = 800;

export class Lines {
  /** @param {string} room @param {() => void} changed */
  constructor(room, changed) {
    this.path = `/api/v1/rooms/${room}/lines`;
    this.changed = changed;
    /** @type {Map<string, Said>} by participant */
    this.said = new Map();
    this.wanted = false;
    this.turn = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Read them from now on, or no more. @param {boolean} wanted */
  follow(wanted) {
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    this.turn += 1;
    this.said.clear();
    clearTimeout(this.timer);
    if (wanted) void this.#read(this.turn);
  }

  /** @param {number} turn of following: what was asked in an earlier one counts no more */
  async #read(turn) {
    const answer = await get(this.path);
    if (turn !== this.turn) return;
    this.timer = setTimeout(() => void this.#read(turn), READ_EVERY_MS);
    const told = answer.ok ? /** @type {{participant: string, line: Figures}[]} */ (/** @type {unknown} */ (answer.body)) : [];
    this.said = new Map(told.map(({ participant, line }) => [participant, saidOf(line)]));
    this.changed();
  }
}

/** @param {Figures} line @returns {Said} */
function saidOf(line) {
  const way = (/** @type {number} */ bps, /** @type {number} */ loss) => ({ rate: rateOf(bps / 1000), loss: Math.round(loss * 100) });
  const words = [
    t("room.people.down", way(line.down_bps, line.down_loss)),
    t("room.people.up", way(line.up_bps, line.up_loss)),
    t("room.people.trip", { ms: line.round_trip_ms }),
  ];
  return { words, weak: line.step !== "full" || Math.max(line.down_loss, line.up_loss) >= LOSSY || line.round_trip_ms >= SLOW_MS };
}
