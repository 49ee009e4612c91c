/** The wire to the web process: namespace `/room` of docs/room-protocol.md over Socket.IO; requests with their answers, and what the server tells. */

import { io } from "/assets/vendor/socket.io-client/socket.io.esm.min.js";

/** @typedef {"host" | "speaker" | "listener"} Role */
/** @typedef {{participant: string, name: string, site: string | null, role: Role, muted: boolean, camera: boolean, screen: boolean, connected: boolean, since: number}} Participant */
/** @typedef {{version: number, participants: Participant[]}} Roster */
/** @typedef {{slot: string, participant: string, kind: import("./slots.js").PictureKind, height: number}} Wanted */
/** @typedef {{slot: string, kind: string, participant: string | null, still?: boolean}} Shown */
/**
 * What one's line carries (`bps` towards the page, `loss` from 0 to 1), and what to send on it: the camera's layers, no pictures where it carries only
 * the voice.
 * @typedef {{step: "full" | "smaller" | "stills" | "speech", bps: number, loss: number, send: {camera: string[], pictures: boolean}}} Line
 */
/** @typedef {{participant: string, name: string, role: Role, title: string, muted: boolean, roster: Roster, live: boolean, video_slots: number, ice_servers: RTCIceServer[], now: number}} Welcome */
/**
 * What comes over the wire.
 * `up`: it stands (again). `down`: it is cut; `forGood` when it does not come back unless `redial` is called. `refused`: the server lets nobody in,
 * with its code where it gave one. The others are the server's events.
 * @typedef {object} Heard
 * @property {() => void} up
 * @property {(forGood: boolean) => void} down
 * @property {(code: string | undefined, forGood: boolean) => void} refused
 * @property {(roster: Roster) => void} roster
 * @property {(told: {slots: Shown[]}) => void} slots
 * @property {(told: {participants: string[]}) => void} speakers
 * @property {(line: Line) => void} line
 * @property {(told: {reason: string}) => void} closed
 */

const ACK_TIMEOUT_MS = 8000;
const REDIAL_MS = 250;
const REDIAL_MAX_MS = 3000;
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
    this.socket = io("/room", { transports: ["websocket"], reconnectionDelay: REDIAL_MS, reconnectionDelayMax: REDIAL_MAX_MS, forceNew: true });
    this.socket.on("connect", heard.up);
    // A refusal by the server ends socket.io's own tries; only a broken wire goes on by itself.
    this.socket.on("connect_error", (/** @type {Error & {data?: {code?: string}}} */ error) => heard.refused(error.data?.code, !this.socket.active));
    this.socket.on("disconnect", (reason) => heard.down(reason === "io server disconnect"));
    this.socket.on("roster", heard.roster);
    this.socket.on("slots", heard.slots);
    this.socket.on("speakers", heard.speakers);
    this.socket.on("line", heard.line);
    this.socket.on("closed", heard.closed);
  }

  get stands() {
    return this.socket.connected;
  }

  redial() {
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

  /** Say that one goes, without waiting. */
  leave() {
    this.socket.emit("leave", {});
  }

  close() {
    setTimeout(() => this.socket.disconnect(), LAST_WORD_MS);
  }
}
