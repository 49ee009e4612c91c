/** How the line to the platform is, measured before one joins: round trip and rate towards this browser. */

/** @typedef {{roundTripMs: number, kbps: number}} Measured */

const ROUND_TRIPS = 4;
const RATE_S_MAX = 1.5;
const TIMEOUT_MS = 8000;

/**
 * Measure. Throws when the platform does not answer.
 * @param {string} small an address that answers in a few bytes
 * @param {string} large one that answers in many
 * @returns {Promise<Measured>}
 */
export async function measure(small, large) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  try {
    let roundTripMs = Infinity;
    // The first one may set up the connection: the shortest counts.
    for (let index = 0; index < ROUND_TRIPS; index += 1) {
      const started = performance.now();
      await fetch(small, { method: "HEAD", cache: "no-store", signal: stop.signal });
      roundTripMs = Math.min(roundTripMs, performance.now() - started);
    }
    const started = performance.now();
    const reader = (await fetch(large, { cache: "no-store", signal: stop.signal })).body?.getReader();
    let bytes = 0;
    let seconds = 0;
    for (let part = await reader?.read(); part !== undefined && !part.done && seconds < RATE_S_MAX; part = await reader?.read()) {
      bytes += part.value.length;
      seconds = (performance.now() - started) / 1000;
    }
    return { roundTripMs, kbps: (bytes * 8) / 1000 / Math.max(seconds, 0.001) };
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}
