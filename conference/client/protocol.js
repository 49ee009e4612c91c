/**
 * The room protocol of docs/room-protocol.md in a browser, version 1: joins, makes sessions, and keeps the stay alive whatever the network does.
 * It knows no page: whatever shows a room gives it tracks and listens to its events.
 */

import { Commands } from "./commands.js";
import { newSessionId, Session } from "./session.js";
import { Refused, Wire } from "./wire.js";

/** @typedef {import("./wire.js").Roster} Roster */
/** @typedef {import("./wire.js").Shown} Shown */
/** @typedef {import("./wire.js").Wanted} Wanted */
/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {"connecting" | "waiting" | "live" | "reconnecting" | "signal_lost" | "no_node" | "over"} LinkState */
/**
 * What happens in a room.
 * `link`: how the connection is, how many tries it has taken, and for "over" why. `lobby`: one waits until a host lets one in. `welcome`: who one is.
 * `track`: a slot's receiving track (anew after each new session). `shown`: what a slot shows from now on. `muted`: muted or not, by oneself or a host.
 * `asked`: a host, by name, asks to unmute. `waiting`: to hosts, who waits. `said`, `minuted`: an entry of the chat, of the minutes.
 * @typedef {object} Events
 * @property {(state: LinkState, tries: number, reason: string) => void} link
 * @property {(title: string) => void} lobby
 * @property {(welcome: Welcome) => void} welcome
 * @property {(roster: Roster) => void} roster
 * @property {(slot: string, track: MediaStreamTrack) => void} track
 * @property {(shown: Map<string, Shown>) => void} shown
 * @property {(participants: string[]) => void} speakers
 * @property {(line: import("./wire.js").Line) => void} line
 * @property {(muted: boolean) => void} muted
 * @property {(by: string) => void} asked
 * @property {(people: import("./wire.js").Waiting[]) => void} waiting
 * @property {(said: import("./wire.js").Said) => void} said
 * @property {(minuted: import("./wire.js").Minuted) => void} minuted
 */

const CONNECT_TIMEOUT_MS = 8000;
const DEAD_AFTER_MS = 3000;
const PROBE_TIMEOUT_MS = 2000;
/** Spread over half a step, so at most 2 s: however long a blackout was, its end is seen soon. */
const BACK_OFF_MS = [250, 500, 1000, 1600];
/** Who waits in the lobby says so this often (docs/room-protocol.md, "The rules of a room"). */
const WAIT_AGAIN_MS = 20_000;
/** These end a stay: a new session would be wrong or useless. */
const FINAL = new Set(["replaced", "removed", "ended", "refused"]);
const FINAL_CODES = new Set(["forbidden", "not_found", "room_closed", "room_locked", "unauthenticated"]);

/** A stay in one room, from `join` to `leave`; it makes as many sessions as the network asks for. */
export class RoomClient {
  /** @param {string} room @param {Events} events */
  constructor(room, events) {
    this.room = room;
    this.events = events;
    /** What one may ask for beside one's own media: the rules of docs/room-protocol.md. */
    this.commands = new Commands((event, payload) => this.#ask(event, payload));
    /** Offers made since the page was opened. */
    this.negotiations = 0;
    /** @type {Welcome | null} */
    this.welcome = null;
    this.muted = false;
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** @type {import("./session.js").Sending} */
    this.sending = { audio: null, camera: null, screen: null };
    /** @type {Wire | null} */
    this.wire = null;
    /** @type {Session | null} */
    this.session = null;
    /** @type {Session | null} a session that is being made beside the old one, which lives on until this one's link stands */
    this.coming = null;
    /** @type {Wanted[]} */
    this.wanted = [];
    this.rosterVersion = 0;
    this.tries = 0;
    this.over = false;
    this.statesUnderWay = 0;
    /** Grows with each attempt, so that what an older one still awaits is dropped. */
    this.attempt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.deadTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.wantTimer = undefined;
  }

  /**
   * Go in. Events tell what becomes of it; it tries for ever.
   * @param {{audio: MediaStreamTrack | null, camera: MediaStreamTrack | null, muted: boolean}} sending
   */
  join(sending) {
    this.sending.audio = sending.audio;
    this.sending.camera = sending.camera;
    this.#applyMuted(sending.muted);
    this.#say("connecting");
    this.wire = new Wire({
      up: () => void this.#signalled(),
      down: (forGood) => {
        if (this.over) return;
        this.#say(this.session?.lives ? "signal_lost" : "reconnecting");
        if (forGood) this.#later(() => this.wire?.redial());
      },
      dialling: () => {
        if (this.over) return;
        this.tries += 1;
        this.#say(this.session?.lives ? "signal_lost" : "reconnecting");
      },
      refused: (code, forGood) => {
        if (code !== undefined && FINAL_CODES.has(code)) this.#end(code);
        else if (forGood) this.#later(() => this.wire?.redial());
      },
      roster: (roster) => this.#heardRoster(roster),
      slots: (told) => this.#heardSlots(told.slots),
      speakers: (told) => this.events.speakers(told.participants),
      line: (line) => {
        this.events.line(line);
        // It is told to the newest session, whose link may not stand yet.
        const session = this.coming ?? this.session;
        // A browser without simulcast has one layer without a name: it goes on.
        if (session?.simulcast) void session.limitCamera(line.send.camera);
        void session?.repeatVoice(line.send.pictures).catch(() => undefined);
      },
      closed: (told) => {
        if (FINAL.has(told.reason)) this.#end(told.reason);
        else this.#renew();
      },
      asked: (told) => this.events.asked(told.by),
      waiting: (told) => this.events.waiting(told.participants),
      admitted: () => this.#renew(0),
      said: (said) => this.events.said(said),
      minuted: (minuted) => this.events.minuted(minuted),
    });
  }

  /** Go out for good. */
  leave() {
    if (this.over) return;
    this.wire?.leave();
    this.#end("left");
  }

  /**
   * Say which pictures the page shows, and how high in device pixels; a slot that is not named is switched off.
   * @param {Wanted[]} wanted
   */
  want(wanted) {
    this.wanted = wanted;
    clearTimeout(this.wantTimer);
    void this.#sendWant();
  }

  /**
   * Mute or unmute oneself. Unmuting waits for the server, which may have muted us; muting waits for nobody.
   * @param {boolean} muted
   */
  async setMuted(muted) {
    if (muted) this.#applyMuted(true);
    if (this.wire?.stands) await this.#state({ muted });
    if (!muted) this.#applyMuted(false);
  }

  /** Send this microphone from now on. @param {MediaStreamTrack | null} track */
  async setMicrophone(track) {
    this.sending.audio = track;
    if (track !== null) track.enabled = !this.muted;
    await this.#each((session) => session.microphone.replaceTrack(track));
  }

  /** Send this camera from now on, or none. @param {MediaStreamTrack | null} track */
  async setCamera(track) {
    this.sending.camera = track;
    await this.#each((session) => session.setCamera(track));
    await this.#state({ camera: track !== null });
  }

  /** Share this screen from now on, or none. @param {MediaStreamTrack | null} track */
  async setScreen(track) {
    if (track !== null) track.contentHint = "text";
    this.sending.screen = track;
    await this.#each((session) => session.screen.replaceTrack(track));
    await this.#state({ screen: track !== null });
  }

  /** Say whether the page is out of sight: a tablet about to sleep. @param {boolean} hidden */
  async setHidden(hidden) {
    if (this.welcome !== null) await this.#state({ hidden });
  }

  /**
   * What each slot receives.
   * @returns {Promise<{negotiations: number, tries: number, slots: import("./session.js").Received[]}>}
   */
  async stats() {
    return { negotiations: this.negotiations, tries: this.tries, slots: (await this.session?.stats()) ?? [] };
  }

  /** The signalling connection stands (again): take up the living session, or make one. */
  async #signalled() {
    if (this.over) return;
    const session = this.session;
    if (session === null || !session.lives) {
      this.#renew(0);
      return;
    }
    try {
      const welcome = await this.#join(session.id);
      if (welcome === null) return;
      this.tries = 0;
      this.#say("live");
      await this.#tellState();
      await this.#sendWant();
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * Make a new session after a pause that grows with each try.
   * @param {number} [pause] milliseconds
   */
  #renew(pause) {
    if (this.over) return;
    clearTimeout(this.deadTimer);
    this.attempt += 1;
    this.#later(() => void this.#build(), pause);
  }

  /** @param {() => void} action @param {number} [pause] milliseconds */
  #later(action, pause) {
    clearTimeout(this.timer);
    const step = BACK_OFF_MS[Math.min(this.tries, BACK_OFF_MS.length - 1)];
    // Fourteen sites must not all come in the same millisecond after a restart.
    this.timer = setTimeout(action, pause ?? step * (0.75 + Math.random() / 2));
  }

  async #build() {
    if (this.over || !this.wire?.stands) return;
    this.attempt += 1;
    const attempt = this.attempt;
    this.tries += 1;
    if (this.tries > 1) this.#say("reconnecting");
    this.coming?.close();
    this.coming = null;
    try {
      const id = newSessionId();
      const welcome = await this.#join(id);
      if (welcome === null || attempt !== this.attempt) return;
      const session = new Session(welcome, id);
      this.coming = session;
      this.#watch(session);
      const speaks = welcome.role !== "listener";
      await session.send(speaks ? this.sending : { audio: null, camera: null, screen: null });
      const sdp = await session.offer();
      if (attempt !== this.attempt) return;
      this.negotiations += 1;
      const answer = await this.#ask("offer", { sdp });
      if (attempt !== this.attempt) return;
      this.deadTimer = setTimeout(() => {
        if (this.coming === session) this.#renew();
      }, CONNECT_TIMEOUT_MS);
      await session.accept(answer);
      if (attempt !== this.attempt) return;
      // Before the link stands, so that pictures come with it.
      await this.#tellState();
      await this.#sendWant();
    } catch (error) {
      if (attempt === this.attempt) this.#failed(error);
    }
  }

  /** Be in the room with this session; null while one waits in the lobby. @param {string} session @returns {Promise<Welcome | null>} */
  async #join(session) {
    const answer = await this.#ask("join", { room: this.room, session });
    if (!answer.waiting) return this.#welcomed(answer);
    this.tries = 0;
    this.events.lobby(answer.title);
    this.#say("waiting");
    this.#later(() => void this.#build(), WAIT_AGAIN_MS);
    return null;
  }

  /** The new session's link stands: it is the one from now on, its tracks replace those of the old. @param {Session} session */
  #takeOver(session) {
    const old = this.session;
    this.session = session;
    this.coming = null;
    this.shown = session.shown;
    for (const [slot, track] of session.tracks()) this.events.track(slot, track);
    this.events.shown(this.shown);
    old?.close();
  }

  /** @param {Session} session */
  #watch(session) {
    session.peer.onconnectionstatechange = () => {
      const state = session.peer.connectionState;
      if (session === this.coming && state === "connected") this.#takeOver(session);
      // While another is being made, nothing depends on how the old one ends.
      if (session !== (this.coming ?? this.session)) return;
      if (state === "connected") {
        clearTimeout(this.deadTimer);
        this.tries = 0;
        this.#say(this.wire?.stands ? "live" : "signal_lost");
      } else if (state === "failed" || state === "closed") {
        this.#renew();
      } else if (state === "disconnected" && session === this.session) {
        this.#say("reconnecting");
        clearTimeout(this.deadTimer);
        this.deadTimer = setTimeout(() => this.#renew(0), DEAD_AFTER_MS);
        void this.#probe();
      }
    };
  }

  /** Nothing comes from the node: on another network the wire is dead too, and would not say so for half a minute. */
  async #probe() {
    const wire = this.wire;
    if (wire === null || !wire.stands) return;
    try {
      await wire.ask("want", { video: this.wanted }, PROBE_TIMEOUT_MS);
    } catch (error) {
      // Whatever it says, it lives.
      if (!(error instanceof Refused) && !this.over) wire.refresh();
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    const code = error instanceof Refused ? error.code : "";
    if (FINAL_CODES.has(code)) {
      this.#end(code);
      return;
    }
    this.#say(code === "no_node" ? "no_node" : "reconnecting");
    // No word came back: after a blackout the old wire may stay silent long after a new one would speak.
    if (!(error instanceof Refused)) this.wire?.refresh();
    this.#renew();
  }

  /** @param {Welcome} welcome @returns {Welcome} */
  #welcomed(welcome) {
    this.welcome = welcome;
    this.events.welcome(welcome);
    this.#heardRoster(welcome.roster);
    return welcome;
  }

  /** @param {Roster} roster */
  #heardRoster(roster) {
    // Before one knows who one is, the roster cannot be shown; the welcome brings it again.
    if (this.welcome === null || roster.version <= this.rosterVersion) return;
    this.rosterVersion = roster.version;
    const own = roster.participants.find((one) => one.participant === this.welcome?.participant);
    // While a word of ours is under way, the roster may still say what was before it.
    if (own !== undefined && own.muted && !this.muted && this.statesUnderWay === 0 && this.session !== null && this.coming === null) this.#applyMuted(true);
    this.events.roster(roster);
  }

  /** @param {Shown[]} told */
  #heardSlots(told) {
    const session = this.coming ?? this.session;
    if (session === null) return;
    for (const one of told) session.shown.set(one.slot, one);
    if (session === this.session) this.events.shown(this.shown);
  }

  /** @param {boolean} muted */
  #applyMuted(muted) {
    this.muted = muted;
    if (this.sending.audio !== null) this.sending.audio.enabled = !muted;
    this.events.muted(muted);
  }

  async #tellState() {
    if (this.welcome?.role === "listener") return;
    await this.#state({ muted: this.muted || this.sending.audio === null, camera: this.sending.camera !== null, screen: this.sending.screen !== null });
  }

  /** @param {{muted?: boolean, camera?: boolean, screen?: boolean, hidden?: boolean}} state */
  async #state(state) {
    if (!this.wire?.stands) return;
    this.statesUnderWay += 1;
    try {
      await this.#ask("state", state);
    } finally {
      this.statesUnderWay -= 1;
    }
  }

  async #sendWant() {
    const session = this.coming ?? this.session;
    if (session === null || !this.wire?.stands) return;
    try {
      await this.#ask("want", { video: this.wanted });
    } catch (error) {
      if ((this.coming ?? this.session) !== session || this.over) return;
      const code = error instanceof Refused ? error.code : "";
      // The node lives on without web for a while: as long as the link stands, ask again.
      if (code === "not_found" && session.lives) this.#renew();
      else if (code !== "bad_request") this.wantTimer = setTimeout(() => void this.#sendWant(), 1000);
    }
  }

  /** @param {(session: Session) => Promise<void>} action */
  async #each(action) {
    for (const session of [this.session, this.coming]) if (session !== null) await action(session);
  }

  /** @param {string} event @param {object} payload @returns {Promise<any>} */
  async #ask(event, payload) {
    if (this.wire === null) throw new Refused("not_joined", "");
    return this.wire.ask(event, payload);
  }

  /** @param {LinkState} state @param {string} [reason] */
  #say(state, reason = "") {
    this.events.link(state, this.tries, reason);
  }

  /** @param {string} reason */
  #end(reason) {
    if (this.over) return;
    this.over = true;
    for (const timer of [this.timer, this.deadTimer, this.wantTimer]) clearTimeout(timer);
    this.attempt += 1;
    this.coming?.close();
    this.session?.close();
    this.coming = null;
    this.session = null;
    this.wire?.close();
    this.#say("over", reason);
  }
}
