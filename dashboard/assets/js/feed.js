/**
 * The live feed's protocol (docs/feed-protocol.md): subscribe, resume by id, notice gaps, keep the server's clock, reconnect for ever. It touches no page.
 *
 * @typedef {import("./topics.js").JournalEvent} JournalEvent
 * @typedef {import("./topics.js").Tick} Tick
 * @typedef {{now: number, cursor: number, snapshot: Record<string, any> | null, missed: JournalEvent[]}} Subscribed
 * @typedef {{now: number, prev?: number | null, events: JournalEvent[]}} JournalMessage
 * @typedef {{
 *   snapshot: (topics: Record<string, any>) => void,
 *   event: (event: JournalEvent) => void,
 *   tick: (tick: Tick) => void,
 *   link: (live: boolean) => void,
 *   refused: (code: string) => void,
 * }} Handlers
 * @typedef {{
 *   on: (event: string, handler: (...args: any[]) => void) => unknown,
 *   timeout: (ms: number) => {emit: (event: string, payload: unknown, answer: (error: Error | null, reply: any) => void) => unknown},
 *   connect: () => unknown, disconnect: () => unknown, connected: boolean,
 * }} Socket what this module needs of a Socket.IO client
 */

/** A page without a tick for this long is disconnected. */
export const LIVE_MS = 3500;
/** A connection that says nothing for this long is thrown away: it may be half dead (cable pulled, proxy hung). */
const DEAD_MS = 10_000;
const ANSWER_MS = 5000;
const RETRY_MS = 2000;
/** A refused page asks again seldom: somebody must change something first. */
const REFUSED_RETRY_MS = 15_000;
const CHECK_MS = 250;
/** Journal messages held while a subscription is under way; beyond it the subscription starts again. */
const HELD_LIMIT = 256;

/** Options for the Socket.IO client: for ever, 0.5 to 4 s with jitter, so that sixty pages do not come back in one instant. */
export const CONNECTION = Object.freeze({
  transports: ["websocket"], reconnection: true, reconnectionAttempts: Infinity, reconnectionDelay: 500, reconnectionDelayMax: 4000,
  randomizationFactor: 0.5, timeout: 5000, autoConnect: false,
});

export class Feed {
  /** @type {number | null} id of the last journal event that was applied */
  #cursor = null;
  #subscribed = false;
  #subscribing = false;
  #attempt = 0;
  #live = false;
  #retryAt = Infinity;
  /** @type {JournalMessage[]} */
  #held = [];
  /** @type {{server: number, here: number} | null} */
  #clock = null;
  #heardAt;
  #tickAt;
  /** Counters for whoever looks: gaps noticed, events seen twice, connections thrown away. */
  counts = { gaps: 0, repeats: 0, dead: 0, subscriptions: 0 };

  /**
   * @param {Socket} socket
   * @param {string[]} topics
   * @param {Handlers} handlers
   * @param {() => number} [monotonic] milliseconds that only grow
   */
  constructor(socket, topics, handlers, monotonic = () => performance.now()) {
    this.socket = socket;
    this.topics = topics;
    this.handlers = handlers;
    this.monotonic = monotonic;
    this.#heardAt = this.#tickAt = monotonic();
    socket.on("connect", () => this.#subscribe());
    socket.on("disconnect", () => this.#dropped());
    socket.on("connect_error", (error) => this.#refusedConnection(error));
    socket.on("journal", (message) => this.#journal(message));
    socket.on("tick", (tick) => this.#tick(tick));
  }

  /** Connect, and keep at it. Returns the function that ends it. */
  start() {
    this.socket.connect();
    const timer = setInterval(() => this.check(), CHECK_MS);
    return () => {
      clearInterval(timer);
      this.socket.disconnect();
    };
  }

  /** The server's clock, epoch milliseconds, running on while the server is away; null before the first word from it. */
  now() {
    return this.#clock === null ? null : this.#clock.server + (this.monotonic() - this.#clock.here);
  }

  /** Milliseconds since the last proof that the server lives. */
  silence() {
    return this.monotonic() - this.#tickAt;
  }

  get live() {
    return this.#live;
  }

  /** Ask for a whole new snapshot, for instance after a sensor that the snapshot did not know. */
  refresh() {
    this.#cursor = null;
    this.#subscribe();
  }

  /** Look at the clock: is the server still there, is it time to try again. Called four times a second. */
  check() {
    const here = this.monotonic();
    // A short break that heals by itself is not worth a banner: only silence counts.
    const live = this.counts.subscriptions > 0 && here - this.#tickAt <= LIVE_MS;
    if (live !== this.#live) {
      this.#live = live;
      this.handlers.link(live);
    }
    if (here - this.#heardAt > DEAD_MS) {
      // Socket.IO itself notices a silent peer only after its ping timeout, too late for a wall.
      this.counts.dead += 1;
      this.#heardAt = here;
      this.#dropped();
      this.socket.disconnect();
      this.socket.connect();
    } else if (here >= this.#retryAt) {
      this.#retryAt = Infinity;
      if (this.socket.connected) this.#subscribe();
      else this.socket.connect();
    }
  }

  #subscribe() {
    const attempt = ++this.#attempt;
    this.#subscribing = true;
    this.#held = [];
    this.#retryAt = Infinity;
    const request = { topics: this.topics, after: this.#cursor };
    this.socket.timeout(ANSWER_MS).emit("subscribe", request, (error, reply) => {
      if (attempt !== this.#attempt) return;
      this.#subscribing = false;
      if (error !== null && error !== undefined) this.#retryAt = this.monotonic() + RETRY_MS;
      else if (reply?.error) this.#refuse(String(reply.error.code));
      else this.#accept(reply);
    });
  }

  /** @param {Subscribed} reply */
  #accept(reply) {
    this.#hear(reply.now);
    this.#tickAt = this.#heardAt;
    this.#subscribed = true;
    this.counts.subscriptions += 1;
    if (reply.snapshot !== null) this.handlers.snapshot(reply.snapshot);
    for (const event of reply.missed) this.#apply(event);
    this.#cursor = Math.max(this.#cursor ?? 0, reply.cursor);
    for (const message of this.#held.splice(0)) this.#journal(message);
    this.check();
  }

  /** @param {JournalMessage} message */
  #journal(message) {
    this.#hear(message.now);
    if (this.#subscribing) {
      if (this.#held.length < HELD_LIMIT) this.#held.push(message);
      else this.#subscribe();
      return;
    }
    if (!this.#subscribed || this.#cursor === null) return;
    if (typeof message.prev === "number" && message.prev > this.#cursor) {
      this.counts.gaps += 1;
      this.#subscribe();
      return;
    }
    for (const event of message.events) this.#apply(event);
  }

  /** @param {JournalEvent} event */
  #apply(event) {
    if (this.#cursor !== null && event.id <= this.#cursor) {
      this.counts.repeats += 1;
      return;
    }
    this.#cursor = event.id;
    this.handlers.event(event);
  }

  /** @param {Tick} tick */
  #tick(tick) {
    this.#hear(tick.now);
    if (!this.#subscribed) return;
    this.#tickAt = this.#heardAt;
    this.handlers.tick(tick);
    if (!this.#live) this.check();
  }

  /** @param {number} serverNow */
  #hear(serverNow) {
    this.#heardAt = this.monotonic();
    this.#clock = { server: serverNow, here: this.#heardAt };
  }

  #dropped() {
    this.#subscribed = false;
    this.#subscribing = false;
    this.#attempt += 1;
    // After a close by the server the client does not come back by itself.
    this.#retryAt = this.monotonic() + RETRY_MS;
  }

  /** @param {Error & {data?: {code?: string}}} error */
  #refusedConnection(error) {
    const code = error?.data?.code ?? error?.message;
    if (code === "unauthenticated" || code === "forbidden") this.#refuse(code);
  }

  /** @param {string} code */
  #refuse(code) {
    this.#retryAt = this.monotonic() + REFUSED_RETRY_MS;
    this.handlers.refused(code);
  }
}
