/** What a participant may ask of the room beside sending media: hand, floor, chat; and what leads it, for hosts. The server decides each. */

/** @typedef {import("./wire.js").Rules} Rules */

export class Commands {
  /** @param {(event: string, payload: object) => Promise<any>} ask */
  constructor(ask) {
    this.ask = ask;
  }

  /** Raise or lower one's hand; a host may lower that of another. @param {boolean} up @param {string} [participant] */
  hand(up, participant) {
    return this.ask("hand", participant === undefined ? { up } : { up, participant });
  }

  /** Take the floor (again, to renew it), or give it back. @param {boolean} take */
  floor(take) {
    return this.ask("floor", { take });
  }

  /** Give the floor to somebody. @param {string} participant */
  pass(participant) {
    return this.ask("pass", { participant });
  }

  /** @param {string} text */
  say(text) {
    return this.ask("say", { text });
  }

  /** @param {string} participant */
  mute(participant) {
    return this.ask("mute", { participant });
  }

  muteAll() {
    return this.ask("mute_all", {});
  }

  /** Ask somebody to unmute; they decide. @param {string} participant */
  askToUnmute(participant) {
    return this.ask("ask", { participant });
  }

  /** Put somebody out for good. @param {string} participant */
  remove(participant) {
    return this.ask("remove", { participant });
  }

  /** @param {Partial<Rules>} rules those that change */
  rule(rules) {
    return this.ask("rules", rules);
  }

  /** Let in who waits, or send away. @param {string} participant @param {boolean} yes */
  admit(participant, yes) {
    return this.ask(yes ? "admit" : "refuse", { participant });
  }

  /** @param {string} site */
  ring(site) {
    return this.ask("ring", { site });
  }

  rollCall() {
    return this.ask("rollcall", {});
  }

  /** Put an entry into the minutes. @param {{id: string, kind: "decision" | "note", text: string, who?: string, due?: number}} entry */
  minute(entry) {
    return this.ask("minute", entry);
  }
}
