/** Speaking while a key or a button is held (push-to-talk): with a floor where the room has one, else by unmuting for that long. */

import { tell, tellError } from "./notice.js";
import { Refused } from "./wire.js";
import { t } from "./text.js";

/** A floor ends by itself after 60 s (docs/room-protocol.md); whoever goes on holding keeps it. */
const RENEW_MS = 25_000;

export class Talk {
  /** @param {import("./protocol.js").RoomClient} client @param {() => void} changed */
  constructor(client, changed) {
    this.client = client;
    this.changed = changed;
    this.holding = false;
    /** Whether the button is how one speaks; where it is not, the key still does. */
    this.byHolding = false;
    /** What one's own finger does to the microphone, no host has done. */
    this.acting = false;
    /** @type {import("./wire.js").Floor | null} */
    this.floor = null;
    /** @type {"open" | "floor"} */
    this.mode = "open";
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.renewing = undefined;
    /** @type {Promise<void>} what is asked right now; the next word waits for it */
    this.asking = Promise.resolve();
  }

  /** Whether one is heard while the button is held. */
  get speaking() {
    return this.mode === "floor" ? this.mine : this.holding && !this.client.muted;
  }

  /** Speak by holding from now on, or with an open microphone, which nobody turns on but oneself. @param {boolean} byHolding */
  async choose(byHolding) {
    this.byHolding = byHolding;
    this.changed();
    if (byHolding && this.mode === "open" && !this.client.muted) await this.#mute();
  }

  get mine() {
    return this.floor !== null && this.floor.participant === this.client.welcome?.participant;
  }

  /** What the roster says. @param {import("./wire.js").Roster} roster */
  heard(roster) {
    const mode = roster.rules?.talk ?? "open";
    const had = this.mine;
    this.floor = roster.floor ?? null;
    const begins = mode === "floor" && this.mode === "open";
    this.mode = mode;
    if (had && !this.mine && this.holding) this.#end();
    const self = roster.participants.find((one) => one.participant === this.client.welcome?.participant);
    // Who got to speak has what the hand was raised for.
    if (!had && this.mine && typeof self?.hand === "number") void this.client.commands.hand(false).catch(() => undefined);
    // Whoever was unmuted when the floor came would be heard by nobody and not know it.
    if (begins && !this.client.muted && !this.mine) void this.client.setMuted(true).catch(tellError);
    // A host gave it: one speaks until one lets go.
    else if (!had && this.mine && !this.holding && this.client.muted) void this.client.setMuted(false).catch(tellError);
  }

  press() {
    if (this.holding || this.client.sending.audio === null || this.client.welcome?.role === "listener") return;
    if (this.mode === "open" && !this.client.muted) return;
    this.holding = true;
    this.changed();
    this.asking = this.asking.then(() => this.#begin());
  }

  release() {
    if (!this.holding) return;
    this.#end();
    this.asking = this.asking.then(() => this.#give());
  }

  /** Give back what a host gave. */
  async giveBack() {
    this.#end();
    await this.#give();
  }

  async #begin() {
    try {
      // Having the floor does not unmute (docs/room-protocol.md): first the one, then the other.
      await this.client.setMuted(false);
      if (this.mode !== "floor") return;
      await this.client.commands.floor(true);
      this.renewing = setInterval(() => void this.client.commands.floor(true).catch(() => undefined), RENEW_MS);
      if (!this.holding) clearInterval(this.renewing);
    } catch (error) {
      this.#end();
      void this.client.setMuted(true).catch(tellError);
      if (error instanceof Refused && error.code === "floor_taken") tell(error.message || t("room.floor.taken"));
      else tellError(error);
    }
  }

  #end() {
    this.holding = false;
    clearInterval(this.renewing);
    this.changed();
  }

  async #mute() {
    this.acting = true;
    try {
      await this.client.setMuted(true);
    } finally {
      this.acting = false;
    }
  }

  async #give() {
    try {
      await this.#mute();
      if (this.mode === "floor") await this.client.commands.floor(false);
    } catch (error) {
      if (!(error instanceof Refused)) tellError(error);
    }
  }
}
