/** How the line to the platform is, measured before one joins: round trip, and the rate towards this browser and from it. */

/** @typedef {{roundTripMs: number, downKbps: number, upKbps: number}} Measured */

const ROUND_TRIPS = 4;
const RATE_S_MAX = 1.5;
/** So much is sent, and four times as much again until it takes UP_S: little on a weak line, enough on a good one. */
const UP_BYTES = 8 * 1024;
const UP_BYTES_MAX = 512 * 1024;
const UP_S = 0.4;
const TIMEOUT_MS = 8000;

/**
 * Measure. Throws when the platform does not answer.
 * @param {{small: string, large: string, sink: string}} addresses one that answers in a few bytes, one that answers in many, one that takes what is posted
 * @returns {Promise<Measured>}
 */
export async function measure({ small, large, sink }) {
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
    const upKbps = await upward(sink, roundTripMs / 1000, stop.signal);
    const started = performance.now();
    const reader = (await fetch(large, { cache: "no-store", signal: stop.signal })).body?.getReader();
    let bytes = 0;
    let seconds = 0;
    for (let part = await reader?.read(); part !== undefined && !part.done && seconds < RATE_S_MAX; part = await reader?.read()) {
      bytes += part.value.length;
      seconds = (performance.now() - started) / 1000;
    }
    return { roundTripMs, upKbps, downKbps: (bytes * 8) / 1000 / Math.max(seconds, 0.001) };
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

/** @param {string} sink @param {number} roundTripS @param {AbortSignal} signal @returns {Promise<number>} kbit/s */
async function upward(sink, roundTripS, signal) {
  for (let bytes = UP_BYTES; ; bytes *= 4) {
    const started = performance.now();
    const answer = await fetch(sink, { method: "POST", body: new Blob([new Uint8Array(bytes)]), signal });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const seconds = Math.max((performance.now() - started) / 1000 - roundTripS, 0.001);
    if (seconds >= UP_S || bytes * 4 > UP_BYTES_MAX) return (bytes * 8) / 1000 / seconds;
  }
}
