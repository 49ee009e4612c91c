/**
 * The lifeline of a stay: the wire to web and the session on the media node, made anew for as long as the network asks for it, a new session beside the
 * old one, which lives on until the new one's link stands. It knows nothing of rosters and pictures: its owner says what is sent and hears what comes.
 */

import { newSessionId, Session } from "./session.js";
import { Refused, Wire } from "./wire.js";

/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {"connecting" | "waiting" | "live" | "reconnecting" | "signal_lost" | "no_node" | "no_media" | "over"} LinkState */
/** What the server tells, without what the lifeline does itself. @typedef {Omit<import("./wire.js").Heard, "up" | "down" | "dialling" | "refused" | "closed" | "admitted">} Told */
/**
 * Whose lifeline it is.
 * `say`: how the link is, and for "over" why. `lobby`: one waits until a host lets one in. `welcomed`: who one is. `sending`: what a new session sends.
 * `renewLogin`: the server does not know one any more; make oneself known again.
 * `settle`: the newest session is about to have its link; say one's state and what one wants to see. `tookOver`: the session told is the one from now on.
 * @typedef {object} Owner
 * @property {(state: LinkState, tries: number, reason: string) => void} say
 * @property {(title: string) => void} lobby
 * @property {(welcome: Welcome) => void} welcomed
 * @property {(welcome: Welcome) => import("./session.js").Sending} sending
 * @property {() => Promise<import("/assets/js/session.js").Renewal>} renewLogin
 * @property {() => Promise<void>} settle
 * @property {(session: Session) => void} tookOver
 */

const CONNECT_TIMEOUT_MS = 8000;
const DEAD_AFTER_MS = 3000;
/** A wire that was dialled longer ago is dialled anew on going in: whom the server took one for may have changed. */
const FRESH_MS = 600_000;
/** Who is told that the node began anew comes back at once, but not all in the same millisecond. */
const SPREAD_MS = 100;
const PROBE_TIMEOUT_MS = 2000;
/** Spread over half a step, so at most 2 s: however long a blackout was, its end is seen soon. */
const BACK_OFF_MS = [250, 500, 1000, 1600];
/** Who waits in the lobby says so this often (docs/room-protocol.md, "The rules of a room"). */
const WAIT_AGAIN_MS = 20_000;
/** These end a stay: a new session would be wrong or useless. */
const FINAL = new Set(["replaced", "removed", "ended", "refused"]);
const FINAL_CODES = new Set(["forbidden", "not_found", "room_closed", "room_locked"]);
/** An access token lives minutes, a stay hours: it is renewed, and only a refusal of that ends the stay. */
const LOGIN_OVER = "unauthenticated";
/** A login that was renewed so often and is refused all the same is none. */
const RENEWALS_MAX = 3;

export class Lifeline {
  /** @param {string} room @param {Owner} owner @param {Told} told */
  constructor(room, owner, told) {
    this.room = room;
    this.owner = owner;
    this.told = told;
    /** Offers made since the page was opened. */
    this.negotiations = 0;
    /** @type {Wire | null} */
    this.wire = null;
    /** @type {Session | null} */
    this.session = null;
    /** @type {Session | null} a session that is being made beside the old one, which lives on until this one's link stands */
    this.coming = null;
    /** @type {Session | null} one that was made before it is needed */
    this.spare = null;
    this.tries = 0;
    /** Whether the platform and the node answered the last try, and the link came all the same not: UDP is blocked on the way, most often. */
    this.unheard = false;
    /** Whether one wants to be in the room: before that the wire is only dialled. */
    this.started = false;
    /** Whether one only watches: nothing is sent, whatever one might. */
    this.watches = false;
    this.dialledAt = 0;
    this.over = false;
    /** Renewals of the login since the room last knew one. */
    this.renewals = 0;
    /** Whether a new session is on its way to its offer's answer. */
    this.building = false;
    /** Grows with each attempt, so that what an older one still awaits is dropped. */
    this.attempt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.deadTimer = undefined;
  }

  /** The session that counts: the one that is being made, else the one there is. */
  get newest() {
    return this.coming ?? this.session;
  }

  /** Whether web can be asked. */
  get stands() {
    return this.wire?.stands ?? false;
  }

  /** Do beforehand what takes time: dial, and make a session for so many pictures. @param {number} videoSlots */
  prepare(videoSlots) {
    this.#dial();
    this.spare = new Session(newSessionId(), videoSlots);
  }

  /** Go in, and go on for ever. @param {boolean} watches whether one only watches */
  start(watches) {
    this.started = true;
    this.watches = watches;
    this.#say("connecting");
    const fresh = performance.now() - this.dialledAt < FRESH_MS;
    if (this.wire === null) this.#dial();
    else if (!fresh) this.wire.refresh();
    else if (this.wire.stands) void this.#signalled();
    else if (!this.wire.dials) this.wire.redial();
  }

  #dial() {
    this.dialledAt = performance.now();
    this.wire = new Wire({
      ...this.told,
      up: () => void this.#signalled(),
      down: (forGood) => {
        if (this.over || !this.started) return;
        this.#say(this.session?.lives ? "signal_lost" : "reconnecting");
        if (forGood) this.#redialLater();
      },
      dialling: () => {
        if (this.over || !this.started) return;
        this.tries += 1;
        this.#say(this.session?.lives ? "signal_lost" : "reconnecting");
      },
      refused: (code, forGood) => {
        if (!this.started) return;
        if (code === LOGIN_OVER) void this.#renewLogin();
        else if (code !== undefined && FINAL_CODES.has(code)) this.end(code);
        else if (forGood) this.#redialLater();
      },
      closed: (told) => {
        if (FINAL.has(told.reason)) this.end(told.reason);
        // The right to be here was taken away, or is another one: whoever still holds one comes back with it.
        else if (told.reason === "unauthenticated") this.wire?.refresh();
        else this.renew(Math.random() * SPREAD_MS);
      },
      admitted: () => this.renew(0),
    });
  }

  /** Go out for good. */
  leave() {
    if (this.over) return;
    if (this.started) this.wire?.leave();
    this.end("left");
  }

  /** @param {string} event @param {object} payload @returns {Promise<any>} */
  async ask(event, payload) {
    if (this.wire === null) throw new Refused("not_joined", "");
    return this.wire.ask(event, payload);
  }

  /** Do it with every session there is. @param {(session: Session) => Promise<void>} action */
  async each(action) {
    for (const session of [this.session, this.coming]) if (session !== null) await action(session);
  }

  /**
   * Make a new session after a pause that grows with each try.
   * @param {number} [pause] milliseconds
   */
  renew(pause) {
    if (this.over) return;
    clearTimeout(this.deadTimer);
    this.attempt += 1;
    this.building = false;
    this.#later(() => void this.#build(), pause);
  }

  /** @param {string} reason */
  end(reason) {
    if (this.over) return;
    this.over = true;
    for (const timer of [this.timer, this.deadTimer]) clearTimeout(timer);
    this.attempt += 1;
    for (const session of [this.coming, this.session, this.spare]) session?.close();
    this.coming = null;
    this.session = null;
    this.spare = null;
    this.wire?.close();
    this.#say("over", reason);
  }

  /** The wire stands (again): take up the living session, or make one. */
  async #signalled() {
    if (this.over || !this.started) return;
    const session = this.session;
    if (session === null || !session.lives) {
      this.renew(0);
      return;
    }
    try {
      const welcome = await this.#join(session.id);
      if (welcome === null) return;
      this.tries = 0;
      this.#say("live");
      await this.owner.settle();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {() => void} action @param {number} [pause] milliseconds */
  #later(action, pause) {
    clearTimeout(this.timer);
    const step = BACK_OFF_MS[Math.min(this.tries, BACK_OFF_MS.length - 1)];
    // Fourteen sites must not all come in the same millisecond after a restart.
    this.timer = setTimeout(action, pause ?? step * (0.75 + Math.random() / 2));
  }

  async #build() {
    if (this.over || !this.stands) return;
    this.attempt += 1;
    const attempt = this.attempt;
    this.building = true;
    this.tries += 1;
    if (this.tries > 1) this.#say(this.unheard ? "no_media" : "reconnecting");
    this.coming?.close();
    this.coming = null;
    try {
      const id = this.spare?.id ?? newSessionId();
      const welcome = await this.#join(id);
      if (welcome === null || attempt !== this.attempt) return;
      const session = this.#newSession(id, welcome.video_slots);
      session.relayBy(welcome.ice_servers);
      this.coming = session;
      this.#watch(session);
      await session.send(this.owner.sending(welcome));
      const sdp = await session.offer();
      if (attempt !== this.attempt) return;
      this.negotiations += 1;
      const answer = await this.ask("offer", { sdp });
      if (attempt !== this.attempt) return;
      this.deadTimer = setTimeout(() => {
        if (this.coming === session) this.#didNotCome();
      }, CONNECT_TIMEOUT_MS);
      await session.accept(answer);
      if (attempt !== this.attempt) return;
      // Before the link stands, so that pictures come with it.
      await this.owner.settle();
    } catch (error) {
      if (attempt === this.attempt) this.#failed(error);
    } finally {
      if (attempt === this.attempt) this.building = false;
    }
  }

  /** @param {string} id @param {number} videoSlots */
  #newSession(id, videoSlots) {
    const spare = this.spare;
    this.spare = null;
    if (spare?.id === id && spare.videoSlots === videoSlots) return spare;
    spare?.close();
    return new Session(id, videoSlots);
  }

  /** Be in the room by the session named; null while one waits in the lobby. @param {string} session @returns {Promise<Welcome | null>} */
  async #join(session) {
    const answer = await this.ask("join", { room: this.room, session, watch: this.watches });
    this.renewals = 0;
    if (!answer.waiting) {
      this.owner.welcomed(answer);
      return answer;
    }
    this.tries = 0;
    this.owner.lobby(answer.title);
    this.#say("waiting");
    this.#later(() => void this.#build(), WAIT_AGAIN_MS);
    return null;
  }

  /** @param {Session} session */
  #watch(session) {
    session.onturn = () => {
      const state = session.peer.connectionState;
      if (session === this.coming && state === "connected") this.#takeOver(session);
      // While another is being made, nothing depends on how the old one ends.
      if (session !== this.newest) return;
      if (session.lives) {
        clearTimeout(this.deadTimer);
        this.tries = 0;
        this.#say(this.stands ? "live" : "signal_lost");
      } else if (state === "failed" && session === this.coming) {
        this.#didNotCome();
      } else if (state === "failed" || state === "closed") {
        this.renew();
      } else if (session === this.session && !this.building) {
        this.#say("reconnecting");
        clearTimeout(this.deadTimer);
        // "Disconnected" while something comes is a browser whose checks were lost in a full queue, most often: it finds back by itself.
        if (!session.pulse.silent) this.deadTimer = setTimeout(() => this.renew(0), DEAD_AFTER_MS);
        void this.#probe(session);
      }
    };
  }

  /** Everything was said, and no link came of it. */
  #didNotCome() {
    this.unheard = true;
    this.#say("no_media");
    this.renew();
  }

  /** The new session's link stands: it is the one from now on. @param {Session} session */
  #takeOver(session) {
    const old = this.session;
    this.session = session;
    this.coming = null;
    this.unheard = false;
    this.owner.tookOver(session);
    old?.close();
  }

  /**
   * Nothing comes from the node: on another network the wire is dead too, and would not say so for half a minute. Where web answers it is the link alone:
   * a new session is made, unless the old one is heard again by then. (A page or a node that got no processor for a while would else only get more to do.)
   * @param {Session} session
   */
  async #probe(session) {
    const wire = this.wire;
    if (wire === null || !wire.stands) return;
    const answered = await wire.answers(PROBE_TIMEOUT_MS);
    if (this.over || session !== this.newest || session.lives || this.building) return;
    if (!answered) wire.refresh();
    else if (session.pulse.silent) this.renew(0);
  }

  /** @param {unknown} error */
  #failed(error) {
    const code = error instanceof Refused ? error.code : "";
    this.unheard = false;
    this.coming?.close();
    this.coming = null;
    if (FINAL_CODES.has(code)) {
      this.end(code);
      return;
    }
    if (code === LOGIN_OVER) {
      void this.#renewLogin();
      return;
    }
    this.#say(code === "no_node" ? "no_node" : "reconnecting");
    // No word came back: after a blackout the old wire may stay silent long after a new one would speak.
    if (!(error instanceof Refused)) this.wire?.refresh();
    this.renew();
  }

  /** Make oneself known again, then dial anew: a connection keeps the login that it was dialled with. */
  async #renewLogin() {
    if (this.renewals >= RENEWALS_MAX) {
      this.end(LOGIN_OVER);
      return;
    }
    this.renewals += 1;
    this.#say(this.session?.lives ? "signal_lost" : "reconnecting");
    const renewal = await this.owner.renewLogin();
    if (this.over) return;
    if (renewal === "refused") this.end(LOGIN_OVER);
    else if (renewal === "renewed") this.#redialLater(0);
    else {
      this.renewals -= 1;
      this.#redialLater();
    }
  }

  /** @param {number} [pause] milliseconds */
  #redialLater(pause) {
    this.#later(() => {
      if (!this.wire?.dials) this.wire?.redial();
    }, pause);
  }

  /** @param {LinkState} state @param {string} [reason] */
  #say(state, reason = "") {
    this.owner.say(state, this.tries, reason);
  }
}
