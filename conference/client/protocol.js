/**
 * The room protocol of docs/room-protocol.md in a browser, version 1: joins, makes the one peer connection with its one offer, and keeps it alive.
 * It knows no page: whatever shows a room gives it tracks and listens to its events.
 */

import { io } from "/assets/vendor/socket.io-client/socket.io.esm.min.js";

/** @typedef {"host" | "speaker" | "listener"} Role */
/** @typedef {{participant: string, name: string, site: string | null, role: Role, muted: boolean, camera: boolean, screen: boolean, connected: boolean, since: number}} Participant */
/** @typedef {{version: number, participants: Participant[]}} Roster */
/** @typedef {{slot: string, participant: string, kind: import("./slots.js").PictureKind, height: number}} Wanted */
/** @typedef {{slot: string, kind: string, participant: string | null}} Shown */
/** @typedef {{participant: string, name: string, role: Role, title: string, muted: boolean, roster: Roster, live: boolean, video_slots: number, ice_servers: RTCIceServer[], now: number}} Welcome */
/** @typedef {"connecting" | "live" | "reconnecting" | "signal_lost" | "no_node" | "over"} LinkState */
/**
 * What happens in a room.
 * `link`: how the connection is, how many tries it has taken, and for "over" why. `welcome`: who one is. `track`: a slot's receiving track (anew after
 * each new session). `shown`: what a slot shows from now on. `muted`: muted or not, by oneself or a host.
 * @typedef {object} Events
 * @property {(state: LinkState, tries: number, reason: string) => void} link
 * @property {(welcome: Welcome) => void} welcome
 * @property {(roster: Roster) => void} roster
 * @property {(slot: string, track: MediaStreamTrack) => void} track
 * @property {(shown: Map<string, Shown>) => void} shown
 * @property {(participants: string[]) => void} speakers
 * @property {(muted: boolean) => void} muted
 */

const ACK_TIMEOUT_MS = 8000;
const CONNECT_TIMEOUT_MS = 8000;
const DEAD_AFTER_MS = 3000;
const BACK_OFF_MS = [250, 500, 1000, 2000, 4000, 5000];
const AUDIO_SLOTS = 3;
/** The three layers of a camera; the smallest comes first, as browsers give up the last one first. */
const LAYERS = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 120_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 400_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];
const SCREEN_ENCODING = { maxBitrate: 2_500_000, maxFramerate: 10 };
/** These end a stay: a new session would be wrong or useless. */
const FINAL = new Set(["replaced", "removed", "ended"]);
const FINAL_CODES = new Set(["forbidden", "not_found", "room_closed", "unauthenticated"]);

/** An answer of the server that says no; `code` is for programs, `message` for people. */
export class Refused extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message || code);
    this.code = code;
  }
}

/**
 * A random UUID; `crypto.randomUUID` exists only on https and localhost.
 * @returns {string}
 */
export function newSessionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** One peer connection and what belongs to it; closed as a whole. */
class Session {
  /** @param {Welcome} welcome @param {string} id */
  constructor(welcome, id) {
    this.id = id;
    this.peer = new RTCPeerConnection({ iceServers: welcome.ice_servers, bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
    // The order of docs/room-protocol.md, "The offer and the answer": the node numbers slots by place.
    this.microphone = this.peer.addTransceiver("audio", { direction: "sendonly" }).sender;
    this.camera = this.peer.addTransceiver("video", { direction: "sendonly", sendEncodings: LAYERS.map((layer) => ({ ...layer })) }).sender;
    this.screen = this.peer.addTransceiver("video", { direction: "sendonly", sendEncodings: [{ ...SCREEN_ENCODING }] }).sender;
    for (let index = 0; index < AUDIO_SLOTS; index += 1) this.peer.addTransceiver("audio", { direction: "recvonly" });
    for (let index = 0; index < welcome.video_slots; index += 1) this.peer.addTransceiver("video", { direction: "recvonly" });
    /** @type {Map<string, string>} mid → slot */
    this.slotOfMid = new Map();
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    this.connected = false;
  }

  close() {
    this.peer.onconnectionstatechange = null;
    this.peer.close();
  }
}

/** A stay in one room, from `join` to `leave`; it makes as many sessions as the network asks for. */
export class RoomClient {
  /** @param {string} room @param {Events} events */
  constructor(room, events) {
    this.room = room;
    this.events = events;
    /** Offers made since the page was opened. */
    this.negotiations = 0;
    /** @type {Welcome | null} */
    this.welcome = null;
    this.muted = false;
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** @type {{audio: MediaStreamTrack | null, camera: MediaStreamTrack | null, screen: MediaStreamTrack | null}} */
    this.sending = { audio: null, camera: null, screen: null };
    /** @type {import("/assets/vendor/socket.io-client/socket.io.esm.min.js").Socket | null} */
    this.socket = null;
    /** @type {Session | null} */
    this.session = null;
    /** @type {Session | null} a session that is being made beside the old one */
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
    const socket = io("/room", { transports: ["websocket"], reconnectionDelay: 250, reconnectionDelayMax: 3000, forceNew: true });
    this.socket = socket;
    socket.on("connect", () => void this.#signalled());
    socket.on("connect_error", (/** @type {Error & {data?: {code?: string}}} */ error) => {
      const code = error.data?.code;
      if (code !== undefined && FINAL_CODES.has(code)) this.#end(code);
      // A refusal by the server ends socket.io's own tries; only a broken wire goes on by itself.
      else if (!socket.active) this.#later(() => socket.connect());
    });
    socket.on("disconnect", (reason) => {
      if (this.over) return;
      if (this.#peerLives()) this.#say("signal_lost");
      else this.#say("reconnecting");
      if (reason === "io server disconnect") this.#later(() => socket.connect());
    });
    socket.on("roster", (/** @type {Roster} */ roster) => this.#heardRoster(roster));
    socket.on("slots", (/** @type {{slots: Shown[]}} */ told) => this.#heardSlots(told.slots));
    socket.on("speakers", (/** @type {{participants: string[]}} */ told) => this.events.speakers(told.participants));
    socket.on("closed", (/** @type {{reason: string}} */ told) => {
      if (FINAL.has(told.reason)) this.#end(told.reason);
      else this.#renew();
    });
  }

  /** Go out for good. */
  leave() {
    if (this.over) return;
    this.socket?.emit("leave", {});
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
    if (this.socket?.connected) await this.#state({ muted });
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
    await this.#each((session) => session.camera.replaceTrack(track));
    await this.#state({ camera: track !== null });
  }

  /** Share this screen from now on, or none. @param {MediaStreamTrack | null} track */
  async setScreen(track) {
    if (track !== null) track.contentHint = "text";
    this.sending.screen = track;
    await this.#each((session) => session.screen.replaceTrack(track));
    await this.#state({ screen: track !== null });
  }

  /** A host mutes somebody. @param {string} participant */
  async mute(participant) {
    await this.#ask("mute", { participant });
  }

  /** A host removes somebody for good. @param {string} participant */
  async remove(participant) {
    await this.#ask("remove", { participant });
  }

  /**
   * What each slot receives.
   * @returns {Promise<{negotiations: number, slots: {slot: string, kind: string, source: string | null, framesDecoded: number, packetsLost: number,
   *   freezeCount: number, jitter: number, packetsReceived: number, audioEnergy: number, frameHeight: number}[]}>}
   */
  async stats() {
    const session = this.session;
    /** @type {Map<string, any>} */
    const inbound = new Map();
    if (session !== null) {
      for (const entry of (await session.peer.getStats()).values()) {
        if (entry.type === "inbound-rtp") inbound.set(session.slotOfMid.get(entry.mid) ?? "", entry);
      }
    }
    const slots = [...(session?.slotOfMid.values() ?? [])].map((slot) => {
      const entry = inbound.get(slot) ?? {};
      const shown = this.shown.get(slot);
      return {
        slot,
        kind: shown?.kind ?? (slot.startsWith("a") ? "audio" : "camera"),
        source: shown?.participant ?? null,
        framesDecoded: entry.framesDecoded ?? 0,
        packetsLost: entry.packetsLost ?? 0,
        freezeCount: entry.freezeCount ?? 0,
        jitter: entry.jitter ?? 0,
        packetsReceived: entry.packetsReceived ?? 0,
        audioEnergy: entry.totalAudioEnergy ?? 0,
        frameHeight: entry.frameHeight ?? 0,
      };
    });
    return { negotiations: this.negotiations, slots };
  }

  /** The signalling connection stands (again): take up the living session, or make one. */
  async #signalled() {
    if (this.over) return;
    const session = this.session;
    if (session === null || !this.#peerLives()) {
      this.#renew(0);
      return;
    }
    try {
      this.#welcomed(await this.#ask("join", { room: this.room, session: session.id }));
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
    // Spread over half a step: fourteen sites must not all come in the same millisecond after a restart.
    this.timer = setTimeout(action, pause ?? step * (0.75 + Math.random() / 2));
  }

  async #build() {
    if (this.over || !this.socket?.connected) return;
    this.attempt += 1;
    const attempt = this.attempt;
    this.tries += 1;
    if (this.tries > 1) this.#say("reconnecting");
    this.coming?.close();
    this.coming = null;
    try {
      const id = newSessionId();
      const welcome = this.#welcomed(await this.#ask("join", { room: this.room, session: id }));
      if (attempt !== this.attempt) return;
      const session = new Session(welcome, id);
      this.coming = session;
      this.#watch(session);
      const speaks = welcome.role !== "listener";
      await session.microphone.replaceTrack(speaks ? this.sending.audio : null);
      await session.camera.replaceTrack(speaks ? this.sending.camera : null);
      await session.screen.replaceTrack(speaks ? this.sending.screen : null);
      await session.peer.setLocalDescription(await session.peer.createOffer());
      if (attempt !== this.attempt) return;
      this.negotiations += 1;
      const answer = await this.#ask("offer", { sdp: session.peer.localDescription?.sdp });
      if (attempt !== this.attempt) return;
      for (const { mid, slot } of answer.slots) session.slotOfMid.set(mid, slot);
      await session.peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      // The node may have told what slots show before its answer was here.
      this.#takeOver(session);
      await this.#tellState();
      await this.#sendWant();
      this.deadTimer = setTimeout(() => {
        if (this.session === session && !session.connected) this.#renew();
      }, CONNECT_TIMEOUT_MS);
    } catch (error) {
      if (attempt === this.attempt) this.#failed(error);
    }
  }

  /** The new session is the one from now on; its tracks replace those of the old. @param {Session} session */
  #takeOver(session) {
    this.session?.close();
    this.session = session;
    this.coming = null;
    this.shown = session.shown;
    for (const transceiver of session.peer.getTransceivers()) {
      const slot = session.slotOfMid.get(transceiver.mid ?? "");
      if (slot !== undefined) this.events.track(slot, transceiver.receiver.track);
    }
    this.events.shown(this.shown);
  }

  /** @param {Session} session */
  #watch(session) {
    session.peer.onconnectionstatechange = () => {
      const state = session.peer.connectionState;
      if (this.session !== session && this.coming !== session) return;
      if (state === "connected") {
        session.connected = true;
        clearTimeout(this.deadTimer);
        this.tries = 0;
        this.#say(this.socket?.connected ? "live" : "signal_lost");
      } else if (state === "failed" || state === "closed") {
        this.#renew();
      } else if (state === "disconnected") {
        this.#say("reconnecting");
        clearTimeout(this.deadTimer);
        this.deadTimer = setTimeout(() => this.#renew(0), DEAD_AFTER_MS);
      }
    };
  }

  /** @param {unknown} error */
  #failed(error) {
    const code = error instanceof Refused ? error.code : "";
    if (FINAL_CODES.has(code)) {
      this.#end(code);
      return;
    }
    this.#say(code === "no_node" ? "no_node" : "reconnecting");
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
    if (own !== undefined && own.muted && !this.muted && this.statesUnderWay === 0 && this.session !== null) this.#applyMuted(true);
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

  /** @param {{muted?: boolean, camera?: boolean, screen?: boolean}} state */
  async #state(state) {
    if (!this.socket?.connected) return;
    this.statesUnderWay += 1;
    try {
      await this.#ask("state", state);
    } finally {
      this.statesUnderWay -= 1;
    }
  }

  async #sendWant() {
    const session = this.session;
    if (session === null || !this.socket?.connected) return;
    try {
      await this.#ask("want", { video: this.wanted });
    } catch (error) {
      if (this.session !== session || this.over) return;
      const code = error instanceof Refused ? error.code : "";
      // The node lives on without web for a while: as long as the link stands, ask again.
      if (code === "not_found" && session.connected) this.#renew();
      else if (code !== "bad_request") this.wantTimer = setTimeout(() => void this.#sendWant(), 1000);
    }
  }

  /** @param {(session: Session) => Promise<void>} action */
  async #each(action) {
    for (const session of [this.session, this.coming]) if (session !== null) await action(session);
  }

  #peerLives() {
    return this.session !== null && this.session.peer.connectionState === "connected";
  }

  /** @param {string} event @param {object} payload @returns {Promise<any>} */
  async #ask(event, payload) {
    if (!this.socket) throw new Refused("not_joined", "");
    const answer = await this.socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload);
    if (answer?.error) throw new Refused(String(answer.error.code), String(answer.error.message ?? ""));
    return answer;
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
    // Let the word "leave" go out before the wire is cut.
    setTimeout(() => this.socket?.disconnect(), 300);
    this.#say("over", reason);
  }
}
