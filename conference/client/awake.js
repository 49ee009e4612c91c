/** Keeps the screen on while one is in a room; a browser drops the lock whenever the page is out of sight. */

/** @type {WakeLockSentinel | null} */
let lock = null;
let wanted = false;

async function take() {
  if (!wanted || document.visibilityState !== "visible" || (lock !== null && !lock.released)) return;
  try {
    lock = (await navigator.wakeLock?.request("screen")) ?? null;
  } catch {
    // Low battery: the screen may sleep, nothing else changes.
    lock = null;
  }
}

document.addEventListener("visibilitychange", () => void take());

/** @param {boolean} awake */
export function stayAwake(awake) {
  wanted = awake;
  if (awake) void take();
  else void lock?.release();
}
