/** Whether this computer is too busy for the pictures that it decodes and sends: pure, no browser needed. */

/** Sums of one slot since the session began. @typedef {{slot: string, framesDecoded: number, framesDropped: number, decodeSeconds: number}} Decoded */
/**
 * One look, at `at` milliseconds: how much too `late` it comes (milliseconds), whether the encoder is `limited` by the processor, what was decoded,
 * and how many pictures the page would show.
 * @typedef {{at: number, late: number, limited: boolean, slots: Decoded[], pictures: number}} Look
 */

/** A frame that takes so long, waiting for the processor included, leaves no more than 20 a second. */
const SLOW_FRAME_S = 0.05;
const FRAMES_MIN = 10;
/** More than this share of the frames came too late to be shown. */
const DROPPED_SHARE = 0.25;
/** A timer of two seconds that comes so late had no processor. */
const LATE_MS = 700;
/** Looks with a sign of it, one after the other, before it counts; and before still fewer pictures are tried. */
const LOOKS_BEFORE = 2;
const LOOKS_AGAIN = 4;
/** Looks without any sign before more pictures are tried again. */
const LOOKS_CALM = 5;
/** Fewer pictures than these save next to nothing. */
const PICTURES_MIN = 2;

export class Busy {
  constructor() {
    this.busy = false;
    /** @type {number | null} how many pictures to decode; null: all */
    this.limit = null;
    /** @type {Map<string, Decoded>} */
    this.before = new Map();
    this.strained = 0;
    this.calm = 0;
  }

  /** @param {Look} look */
  take(look) {
    if (look.limited || look.late > LATE_MS || this.#slow(look.slots)) {
      this.calm = 0;
      this.strained += 1;
      if (this.strained < (this.busy ? LOOKS_AGAIN : LOOKS_BEFORE)) return;
      this.strained = 0;
      this.busy = true;
      this.limit = Math.max(PICTURES_MIN, Math.ceil(Math.min(look.pictures, this.limit ?? look.pictures) / 2));
      return;
    }
    this.strained = 0;
    this.calm += 1;
    if (!this.busy || this.calm < LOOKS_CALM) return;
    this.calm = 0;
    this.limit = (this.limit ?? look.pictures) * 2;
    if (this.limit < look.pictures) return;
    this.busy = false;
    this.limit = null;
  }

  /** @param {Decoded[]} slots */
  #slow(slots) {
    const passed = { decoded: 0, dropped: 0, seconds: 0 };
    for (const now of slots) {
      const before = this.before.get(now.slot);
      this.before.set(now.slot, now);
      // A new session counts from nought.
      if (before === undefined || now.framesDecoded < before.framesDecoded) continue;
      passed.decoded += now.framesDecoded - before.framesDecoded;
      passed.dropped += Math.max(0, now.framesDropped - before.framesDropped);
      passed.seconds += Math.max(0, now.decodeSeconds - before.decodeSeconds);
    }
    if (passed.decoded + passed.dropped < FRAMES_MIN) return false;
    return passed.seconds > SLOW_FRAME_S * passed.decoded || passed.dropped > DROPPED_SHARE * (passed.decoded + passed.dropped);
  }
}
