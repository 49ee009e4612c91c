/**
 * What rings at this page's site, kept apart from how it is shown: which call comes first, which were silenced here, which are over by the clock.
 *
 * @typedef {{room: string, title: string, by: string, site: {zh: string, en: string}, since: number, left_ms: number, exercise: boolean}} Call
 */

/** The server's word that a call is over may be lost with the connection. */
const LATE_MS = 3000;
/** A call that was answered on another page is taken up by the room's page within this time. */
const TAKEN_MS = 30_000;
const TAKEN = "fenghuo.ring.taken";

export class Calls {
  /** @type {{call: Call, ends: number}[]} */
  #ringing = [];
  /** @type {Set<string>} */
  #silenced = new Set();
  /** Answered here; the server may still tell them for a moment. @type {Set<string>} */
  #answered = new Set();

  /** The server told what rings. @param {Call[]} calls @param {number} now monotonic milliseconds @returns {Call[]} those that were not known */
  hear(calls, now) {
    const known = new Set(this.#ringing.map(({ call }) => keyOf(call)));
    this.#ringing = calls.map((call) => ({ call, ends: now + call.left_ms + LATE_MS }));
    const ringing = new Set(calls.map(keyOf));
    for (const kept of [this.#silenced, this.#answered]) for (const key of kept) if (!ringing.has(key)) kept.delete(key);
    return calls.filter((call) => !known.has(keyOf(call)));
  }

  /** What rings now, the newest first. @param {number} now @returns {Call[]} */
  ringing(now) {
    return this.#ringing.filter(({ call, ends }) => ends > now && !this.#answered.has(keyOf(call))).map(({ call }) => call).reverse();
  }

  /** It was answered here. @param {Call} call */
  end(call) {
    this.#answered.add(keyOf(call));
  }

  /** It goes on ringing elsewhere; here it is only shown. @param {Call} call */
  silence(call) {
    this.#silenced.add(keyOf(call));
  }

  /** @param {Call} call */
  isSilenced(call) {
    return this.#silenced.has(keyOf(call));
  }
}

/** A room may ring a site again: that is another call. @param {Call} call */
function keyOf(call) {
  return `${call.room} ${call.since}`;
}

/** Somebody pressed "join" here: the room's page, which opens now, joins by itself. An address could be sent by anybody; this cannot. @param {string} room */
export function passCall(room) {
  try {
    localStorage.setItem(TAKEN, JSON.stringify({ room, at: Date.now() }));
  } catch {
    // Without storage one more tap is needed.
  }
}

/** Whether somebody pressed "join" for this room a moment ago; asked once. @param {string} room */
export function takeCall(room) {
  try {
    const taken = JSON.parse(localStorage.getItem(TAKEN) ?? "null");
    if (taken?.room !== room) return false;
    localStorage.removeItem(TAKEN);
    return Math.abs(Date.now() - taken.at) < TAKEN_MS;
  } catch {
    return false;
  }
}
