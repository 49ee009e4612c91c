/**
 * The pulse of a session: whether anything comes from its node, which sends something twice a second (docs/room-protocol.md) that the browser counts. The
 * browser's own word for a dead link, "disconnected", comes after five to seven seconds.
 */

const LOOK_MS = 500;
/** With the time until the next look, a dead link is seen within three seconds; on a line that loses a fifth, five in a row are missing once in hours. */
const SILENT_MS = 2500;

export class Pulse {
  /**
   * @param {RTCPeerConnection} peer
   * @param {(silent: boolean) => void} turned nothing comes any more, or something comes again
   */
  constructor(peer, turned) {
    this.peer = peer;
    this.turned = turned;
    this.silent = false;
    this.silentMs = 0;
    this.count = -1;
    this.lookedAt = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /** Feel it from now on: the link stands. */
  start() {
    clearTimeout(this.timer);
    this.silentMs = 0;
    this.lookedAt = performance.now();
    this.timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  async #look() {
    const timer = this.timer;
    // A browser that cannot say is as one that says nothing.
    const count = await this.peer.getStats().then(received, () => null);
    // Stopped or begun anew meanwhile.
    if (timer !== this.timer) return;
    const now = performance.now();
    // A tablet that slept has not listened: of the time between two looks only what they usually take counts.
    const passed = Math.min(now - this.lookedAt, 2 * LOOK_MS);
    this.lookedAt = now;
    this.silentMs = count === null || count !== this.count ? 0 : this.silentMs + passed;
    this.count = count ?? -1;
    this.timer = setTimeout(() => void this.#look(), LOOK_MS);
    const silent = this.silentMs >= SILENT_MS;
    if (silent === this.silent) return;
    this.silent = silent;
    this.turned(silent);
  }
}

/** What has come over all ways so far, in bytes; null where the browser does not say. @param {RTCStatsReport} stats */
function received(stats) {
  let bytes = null;
  for (const { type, bytesReceived } of stats.values()) {
    if (type === "candidate-pair" && bytesReceived !== undefined) bytes = (bytes ?? 0) + bytesReceived;
  }
  return bytes;
}
