/** How good a picture is, from what was measured: pure functions, no browser needed. */

/** Sums since the session began. @typedef {{at: number, bytes: number, lost: number, received: number}} Sums */
/** Measured between two looks; `loss` from 0 to 1. @typedef {{kbps: number, loss: number}} Rates */
/** `rests`: nothing is wrong, nothing flows. `words`: key of the text that says why. @typedef {{grade: "good" | "fair" | "weak" | "none" | "rests", words: string | null}} Mark */

const LOSS_FAIR = 0.02;
const LOSS_WEAK = 0.08;
/** A picture whose height is less than this share of what was asked for is called small. */
const SMALL = 0.45;
/** Below this rate a camera's picture has stopped. */
const FLOWS_KBPS = 1;
/** A picture of this height is never called small for the place it fills. */
const ENOUGH_PX = 540;

/** @param {Sums | undefined} before @param {Sums} now @returns {Rates | null} null while there is nothing to compare with */
export function ratesOf(before, now) {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  // A new session counts from nought.
  if (before === undefined || seconds <= 0 || now.bytes < before.bytes || now.received < before.received) return null;
  const received = now.received - before.received;
  // What was asked for again and came is taken off the lost: the sum may shrink.
  const lost = Math.max(0, now.lost - before.lost);
  return { kbps: ((now.bytes - before.bytes) * 8) / 1000 / seconds, loss: received + lost > 0 ? lost / (received + lost) : 0 };
}

/**
 * @param {{stalled: boolean, busy: boolean, manner: "moving" | "slow" | "still", step: string, height: number, asked: number, loss: number, kbps: number, screen: boolean}} picture `busy`: this computer is, `height` as it comes, `asked` as it is
 *   shown, in pixels; `step` of the line
 * @returns {Mark}
 */
export function markOf({ stalled, busy, manner, step, height, asked, loss, kbps, screen }) {
  if (stalled) return { grade: "none", words: busy ? "room.quality.busy" : "room.quality.stopped" };
  if (manner === "still") return { grade: "weak", words: "room.quality.stills" };
  // A screen on which nothing changes sends nothing.
  if (kbps < FLOWS_KBPS && !screen) return { grade: "none", words: "room.quality.silent" };
  if (loss >= LOSS_WEAK) return { grade: "weak", words: "room.quality.lossy" };
  if (loss >= LOSS_FAIR) return { grade: "fair", words: "room.quality.lossy" };
  if (manner === "slow") return { grade: "fair", words: "room.quality.slower" };
  if (step !== "full" && height > 0 && height < Math.min(asked * SMALL, ENOUGH_PX)) return { grade: "fair", words: "room.quality.smaller" };
  return { grade: "good", words: null };
}

/**
 * The mark of one's own camera.
 * @param {number} kbps what it sends
 * @param {boolean} pictures whether the line bears that it sends any
 * @returns {Mark}
 */
export function ownMarkOf(kbps, pictures) {
  if (!pictures) return { grade: "none", words: "room.quality.own" };
  return kbps < FLOWS_KBPS ? { grade: "rests", words: "room.quality.resting" } : { grade: "good", words: "room.quality.sent" };
}
