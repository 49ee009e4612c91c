/** The wire to the web process: namespace `/room` of docs/room-protocol.md over Socket.IO; requests with their answers, and what the server tells. */

import { io } from "/assets/vendor/socket.io-client/socket.io.esm.min.js";

/** @typedef {"host" | "speaker" | "listener"} Role */
/**
 * `hand`: raised since when (epoch milliseconds), or null.
 * @typedef {{participant: string, name: string, site: string | null, role: Role, muted: boolean, camera: boolean, screen: boolean, connected: boolean, since: number,
 *   hand?: number | null, hidden?: boolean}} Participant
 */
/** @typedef {{locked: boolean, lobby: boolean, talk: "open" | "floor", chat: "everyone" | "speakers"}} Rules */
/** @typedef {{participant: string, since: number, until: number}} Floor */
/** @typedef {{state: "unheard" | "ringing" | "joined" | "declined" | "no_answer" | "no_screen", since: number}} Ring */
/** @typedef {{site: string, name: {zh: string, en: string}, state: "present" | "missing", since: number | null, why: string | null}} Call */
/** @typedef {{version: number, participants: Participant[], rules?: Rules, floor?: Floor | null, rings?: Record<string, Ring>, rollcall?: Call[]}} Roster */
/** @typedef {{participant: string, name: string, site: string | null, since: number}} Waiting */
/** @typedef {{id: string, participant: string, name: string, at: number, text: string}} Said */
/** @typedef {{id: string, at: number, kind: "decision" | "note", text: string, who: string | null, due: number | null, by: string}} Minuted */
/** @typedef {{slot: string, participant: string, kind: import("./slots.js").PictureKind, height: number}} Wanted */
/** @typedef {{slot: string, kind: string, participant: string | null, manner?: "moving" | "slow" | "still", undecodable?: string | null}} Shown */
/**
 * What one's line carries (`bps` towards the page, `loss` from 0 to 1), and what to send on it: the camera's layers, no pictures where it carries only
 * the voice.
 * @typedef {{step: "full" | "smaller" | "slower" | "stills" | "speech", bps: number, loss: number, send: {camera: string[], pictures: boolean}}} Line
 */
/**
 * @typedef {{participant: string, name: string, role: Role, title: string, muted: boolean, roster: Roster, chat?: Said[], minutes?: Minuted[], live: boolean,
 *   video_slots: number, ice_servers: RTCIceServer[], now: number}} Welcome
 */
/**
 * What comes over the wire.
 * `up`: it stands (again). `down`: it is cut; `forGood` when it does not come back unless `redial` is called. `dialling`: it tries again by itself.
 * `refused`: the server lets nobody in, with its code where it gave one. The others are the server's events.
 * @typedef {object} Heard
 * @property {() => void} up
 * @property {(forGood: boolean) => void} down
 * @property {() => void} dialling
 * @property {(code: string | undefined, forGood: boolean) => void} refused
 * @property {(roster: Roster) => void} roster
 * @property {(told: {slots: Shown[]}) => void} slots
 * @property {(told: {participants: string[]}) => void} speakers
 * @property {(line: Line) => void} line
 * @property {(told: {reason: string}) => void} closed
 * @property {(told: {by: string}) => void} asked
 * @property {(told: {participants: Waiting[]}) => void} waiting
 * @property {(told: {participant: string, what: string}) => void} offence
 * @property {() => void} admitted
 * @property {(said: Said) => void} said
 * @property {(minuted: Minuted) => void} minuted
 */

/** Enough for four round trips over a satellite, one of them lost. */
const ACK_TIMEOUT_MS = 6000;
const DIAL_TIMEOUT_MS = 6000;
const REDIAL_MS = 250;
const REDIAL_MAX_MS = 2000;
/** The word "leave" goes out before the wire is cut. */
const LAST_WORD_MS = 300;

/** An answer of the server that says no; `code` is for programs, `message` for people. */
export class Refused extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message || code);
    this.code = code;
  }
}

/** One Socket.IO connection, which dials again by itself for as long as only the network is to blame. */
export class Wire {
  /** @param {Heard} heard */
  constructor(heard) {
    this.socket = io("/room", { transports: ["websocket"], timeout: DIAL_TIMEOUT_MS, reconnectionDelay: REDIAL_MS, reconnectionDelayMax: REDIAL_MAX_MS, forceNew: true });
    this.socket.io.on("reconnect_attempt", heard.dialling);
    this.socket.on("connect", heard.up);
    // A refusal by the server ends socket.io's own tries; only a broken wire goes on by itself.
    this.socket.on("connect_error", (/** @type {Error & {data?: {code?: string}}} */ error) => heard.refused(error.data?.code, !this.socket.active));
    this.socket.on("disconnect", (reason) => heard.down(reason === "io server disconnect"));
    this.socket.on("roster", heard.roster);
    this.socket.on("slots", heard.slots);
    this.socket.on("speakers", heard.speakers);
    this.socket.on("line", heard.line);
    this.socket.on("closed", heard.closed);
    this.socket.on("asked", heard.asked);
    this.socket.on("waiting", heard.waiting);
    this.socket.on("offence", heard.offence);
    this.socket.on("admitted", heard.admitted);
    this.socket.on("said", heard.said);
    this.socket.on("minuted", heard.minuted);
  }

  get stands() {
    return this.socket.connected;
  }

  /** Whether it dials by itself, or stands; dialled once more meanwhile, the server would refuse it. */
  get dials() {
    return this.socket.active;
  }

  redial() {
    this.socket.connect();
  }

  /** Dial anew, at once: this connection seems dead, though nothing has told so. */
  refresh() {
    if (this.socket.connected) this.socket.disconnect();
    this.socket.connect();
  }

  /**
   * Ask, and wait for the answer. Throws Refused when it says no, another Error when none comes in time.
   * @param {string} event @param {object} payload @returns {Promise<any>}
   */
  async ask(event, payload) {
    const answer = await this.socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload);
    if (answer?.error) throw new Refused(String(answer.error.code), String(answer.error.message ?? ""));
    return answer;
  }

  /** Whether a word comes back in time, whatever it says. @param {number} withinMs */
  async answers(withinMs) {
    try {
      // A state without content is answered, and changes nothing.
      await this.socket.timeout(withinMs).emitWithAck("state", {});
      return true;
    } catch {
      return false;
    }
  }

  /** Say that one goes, without waiting. */
  leave() {
    this.socket.emit("leave", {});
  }

  close() {
    setTimeout(() => this.socket.disconnect(), LAST_WORD_MS);
  }
}
