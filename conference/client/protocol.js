/**
 * The room protocol of docs/room-protocol.md in a browser, version 1: what one sends, wants to see and says of oneself, and what is told; the lifeline
 * keeps the stay alive whatever the network does. It knows no page: whatever shows a room gives it tracks and listens to its events.
 */

import { Commands } from "./commands.js";
import { Lifeline } from "./lifeline.js";
import { Refused } from "./wire.js";

/** @typedef {import("./wire.js").Roster} Roster */
/** @typedef {import("./wire.js").Shown} Shown */
/** @typedef {import("./wire.js").Wanted} Wanted */
/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {import("./lifeline.js").LinkState} LinkState */
/**
 * What happens in a room.
 * `link`: how the connection is, how many tries it has taken, and for "over" why. `lobby`: one waits until a host lets one in. `welcome`: who one is.
 * `track`: a slot's receiving track (anew after each new session). `shown`: what a slot shows from now on. `muted`: muted or not, by oneself or a host.
 * `asked`: a host, by name, asks to unmute. `waiting`: to hosts, who waits. `offence`: to hosts, who sends too much or what they may not. `said`, `minuted`: an entry of the chat, of the minutes.
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
 * @property {(participant: string, what: string) => void} offence
 * @property {(said: import("./wire.js").Said) => void} said
 * @property {(minuted: import("./wire.js").Minuted) => void} minuted
 */

/** How often at most it is told how often pictures stood still. */
const FREEZES_EVERY_MS = 10_000;
/** How often at most it is told that this computer is busy; the node believes it for three times as long. */
const BUSY_EVERY_MS = 5000;
/** How long after a failure the wish is told again. */
const WANT_AGAIN_MS = 1000;
/** From this loss on (share of what is sent to us) speech may come later, so that it comes whole. */
const LOSSY = 0.08;

/** A stay in one room, from `join` to `leave`; it makes as many sessions as the network asks for. */
export class RoomClient {
  /** @param {string} room @param {Events} events @param {import("./lifeline.js").Owner["renewLogin"]} renewLogin */
  constructor(room, events, renewLogin) {
    this.events = events;
    /** What one may ask for beside one's own media: the rules of docs/room-protocol.md. */
    this.commands = new Commands((event, payload) => this.lifeline.ask(event, payload));
    /** @type {Welcome | null} */
    this.welcome = null;
    this.muted = false;
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** @type {import("./session.js").Sending} */
    this.sending = { audio: null, camera: null, screen: null };
    /** @type {Wanted[]} */
    this.wanted = [];
    this.rosterVersion = 0;
    this.statesUnderWay = 0;
    /** What was told of pictures that stood still, and when. */
    this.frozen = { text: "{}", at: 0 };
    this.busyTold = -Infinity;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.wantTimer = undefined;
    this.lifeline = new Lifeline(
      room,
      {
        say: (state, tries, reason) => {
          if (state === "over") clearTimeout(this.wantTimer);
          events.link(state, tries, reason);
        },
        lobby: events.lobby,
        welcomed: (welcome) => {
          this.welcome = welcome;
          events.welcome(welcome);
          this.#heardRoster(welcome.roster);
        },
        sending: (welcome) => (welcome.role === "listener" ? { audio: null, camera: null, screen: null } : this.sending),
        renewLogin,
        settle: async () => {
          await Promise.all([this.#tellState(), this.#sendWant()]);
        },
        tookOver: (session) => {
          this.shown = session.shown;
          this.frozen = { text: "{}", at: 0 };
          for (const [slot, track] of session.tracks()) events.track(slot, track);
          events.shown(this.shown);
        },
      },
      {
        roster: (roster) => this.#heardRoster(roster),
        slots: (told) => this.#heardSlots(told.slots),
        speakers: (told) => events.speakers(told.participants),
        line: (line) => this.#heardLine(line),
        asked: (told) => events.asked(told.by),
        waiting: (told) => events.waiting(told.participants),
        offence: (told) => events.offence(told.participant, told.what),
        said: events.said,
        minuted: events.minuted,
      },
    );
  }

  /** The session whose link stands, or stood last. */
  get session() {
    return this.lifeline.session;
  }

  /** Make ready, so that going in takes one round trip less. @param {number} videoSlots how many pictures are received at most */
  prepare(videoSlots) {
    this.lifeline.prepare(videoSlots);
  }

  /**
   * Go in. Events tell what becomes of it; it tries for ever.
   * @param {{audio: MediaStreamTrack | null, camera: MediaStreamTrack | null, muted: boolean}} sending
   * @param {boolean} watches whether one only watches, whatever one might do
   */
  join(sending, watches) {
    this.sending.audio = sending.audio;
    this.sending.camera = sending.camera;
    this.#applyMuted(sending.muted);
    this.lifeline.start(watches);
  }

  /** Go out for good. */
  leave() {
    this.lifeline.leave();
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
    await this.#state({ muted });
    if (!muted) this.#applyMuted(false);
  }

  /** Send this microphone from now on. @param {MediaStreamTrack | null} track */
  async setMicrophone(track) {
    this.sending.audio = track;
    if (track !== null) track.enabled = !this.muted;
    await this.lifeline.each((session) => session.microphone.replaceTrack(track));
  }

  /** Send this camera from now on, or none. @param {MediaStreamTrack | null} track */
  async setCamera(track) {
    this.sending.camera = track;
    await this.lifeline.each((session) => session.setCamera(track));
    await this.#state({ camera: track !== null });
  }

  /** Share this screen from now on, or none. @param {MediaStreamTrack | null} track */
  async setScreen(track) {
    if (track !== null) track.contentHint = "text";
    this.sending.screen = track;
    await this.lifeline.each((session) => session.screen.replaceTrack(track));
    await this.#state({ screen: track !== null });
  }

  /** Say whether the page is out of sight: a tablet about to sleep. @param {boolean} hidden */
  async setHidden(hidden) {
    if (this.welcome !== null) await this.#state({ hidden });
  }

  /** Say how often each slot's picture has stood still: only the browser knows. @param {import("./session.js").Received[]} received */
  async tellFreezes(received) {
    const now = performance.now();
    // While a new session is made web would take the old one's count for the new one's.
    if (!this.lifeline.stands || this.lifeline.coming !== null || now - this.frozen.at < FREEZES_EVERY_MS) return;
    const slots = Object.fromEntries(received.filter(({ freezeCount }) => freezeCount > 0).map(({ slot, freezeCount }) => [slot, freezeCount]));
    const text = JSON.stringify(slots);
    if (text === this.frozen.text) return;
    this.frozen.at = now;
    await this.lifeline.ask("freezes", { slots });
    this.frozen.text = text;
  }

  /** Say that this computer is too busy: what it reports of delays says nothing of its line. */
  async tellBusy() {
    const now = performance.now();
    if (!this.lifeline.stands || now - this.busyTold < BUSY_EVERY_MS) return;
    this.busyTold = now;
    await this.lifeline.ask("busy", {});
  }

  /**
   * What each slot receives.
   * @returns {Promise<{negotiations: number, tries: number, slots: import("./session.js").Received[]}>}
   */
  async stats() {
    const { negotiations, tries, session } = this.lifeline;
    return { negotiations, tries, slots: (await session?.stats()) ?? [] };
  }

  /** @param {Roster} roster */
  #heardRoster(roster) {
    // Before one knows who one is, the roster cannot be shown; the welcome brings it again.
    if (this.welcome === null || roster.version <= this.rosterVersion) return;
    this.rosterVersion = roster.version;
    const own = roster.participants.find((one) => one.participant === this.welcome?.participant);
    // While a word of ours is under way, the roster may still say what was before it.
    const settled = this.statesUnderWay === 0 && this.session !== null && this.lifeline.coming === null;
    if (own !== undefined && own.muted && !this.muted && settled) this.#applyMuted(true);
    this.events.roster(roster);
  }

  /** @param {Shown[]} told */
  #heardSlots(told) {
    const session = this.lifeline.newest;
    if (session === null) return;
    for (const one of told) session.shown.set(one.slot, one);
    if (session === this.session) this.events.shown(this.shown);
  }

  /** @param {import("./wire.js").Line} line */
  #heardLine(line) {
    this.events.line(line);
    // It is told to the newest session, whose link may not stand yet.
    const session = this.lifeline.newest;
    // A browser without simulcast has one layer without a name: it goes on.
    if (session?.simulcast) void session.limitCamera(line.send.camera);
    void session?.repeatVoice(line.send.pictures).catch(() => undefined);
    session?.waitForVoices(line.loss >= LOSSY);
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
    if (!this.lifeline.stands) return;
    this.statesUnderWay += 1;
    try {
      await this.lifeline.ask("state", state);
    } finally {
      this.statesUnderWay -= 1;
    }
  }

  async #sendWant() {
    const session = this.lifeline.newest;
    // A new session is told what is wanted as soon as the node has answered it.
    if (session === null || !session.answered || !this.lifeline.stands) return;
    try {
      await this.lifeline.ask("want", { video: this.wanted });
    } catch (error) {
      if (this.lifeline.newest !== session || this.lifeline.over) return;
      const code = error instanceof Refused ? error.code : "";
      // The node lives on without web for a while: as long as the link stands, ask again.
      if (code === "not_found" && session.lives) this.lifeline.renew();
      else if (code !== "bad_request") this.wantTimer = setTimeout(() => void this.#sendWant(), WANT_AGAIN_MS);
    }
  }
}
