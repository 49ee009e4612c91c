/**
 * What was entered and is not yet on the server: kept in the browser, sent again under the same id until the server has it. It touches no page.
 *
 * @typedef {import("./api.js").Reply} Reply
 * @typedef {{id: string, body: Record<string, unknown>, since: number, tries: number, refused: import("./api.js").Problem | null, waits: "sending" | "server" | "full" | "login"}} Entry
 * @typedef {{getItem: (key: string) => string | null, setItem: (key: string, value: string) => void}} Store what this needs of localStorage
 */

/** More than this is not an outage of minutes; the form then refuses, and says so. */
export const OUTBOX_LIMIT = 50;
export const RETRY_MS = [1000, 2000, 4000, 8000, 15_000];

export class Outbox {
  #busy = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {Store} store
   * @param {string} key one for each person: nobody sends in another's name
   * @param {(body: Record<string, unknown>) => Promise<Reply>} send
   * @param {{changed: () => void, sent: (state: any) => void}} handlers
   */
  constructor(store, key, send, handlers) {
    this.store = store;
    this.key = key;
    this.send = send;
    this.handlers = handlers;
  }

  /** Everything that waits, oldest first; read anew each time, since another tab may have sent it. @returns {Entry[]} */
  entries() {
    try {
      const found = JSON.parse(this.store.getItem(this.key) ?? "[]");
      return Array.isArray(found) ? found.filter((entry) => typeof entry?.id === "string" && typeof entry?.body === "object") : [];
    } catch {
      return [];
    }
  }

  /**
   * Keep it and send it. Adding an id that waits already changes nothing.
   *
   * @param {string} id
   * @param {Record<string, unknown>} body
   * @param {number} now epoch milliseconds
   * @returns {boolean} false when the outbox is full or cannot be written
   */
  add(id, body, now) {
    const entries = this.entries();
    if (entries.some((entry) => entry.id === id)) return true;
    if (entries.length >= OUTBOX_LIMIT) return false;
    if (!this.#keep([...entries, { id, body, since: now, tries: 0, refused: null, waits: "sending" }])) return false;
    void this.flush();
    return true;
  }

  /** Take an entry out: given up, or back into the form. @param {string} id @returns {Entry | undefined} */
  take(id) {
    const entries = this.entries();
    const entry = entries.find((each) => each.id === id);
    if (entry) this.#keep(entries.filter((each) => each.id !== id));
    return entry;
  }

  /** Send what waits, oldest first, now; called again by itself while something waits. */
  async flush() {
    if (this.#busy) return;
    this.#busy = true;
    clearTimeout(this.#timer);
    let delay = 0;
    try {
      for (const entry of this.entries().filter((each) => each.refused === null)) {
        const reply = await this.send({ ...entry.body, id: entry.id });
        if (reply.ok) {
          this.take(entry.id);
          this.handlers.sent(reply.body);
          continue;
        }
        const { status } = reply.problem;
        if (status === 0 || status === 401 || status === 429 || status >= 500) {
          this.#change(entry.id, { tries: entry.tries + 1, waits: status === 401 ? "login" : reply.problem.code === "disk_full" ? "full" : "server" });
          delay = RETRY_MS[Math.min(entry.tries, RETRY_MS.length - 1)] ?? 1000;
          break;
        }
        this.#change(entry.id, { tries: entry.tries + 1, refused: reply.problem });
      }
    } finally {
      this.#busy = false;
    }
    const waiting = this.entries().some((entry) => entry.refused === null);
    if (waiting) this.#timer = setTimeout(() => void this.flush(), delay);
  }

  /** @param {string} id @param {Partial<Entry>} change */
  #change(id, change) {
    this.#keep(this.entries().map((entry) => (entry.id === id ? { ...entry, ...change } : entry)));
  }

  /** @param {Entry[]} entries */
  #keep(entries) {
    try {
      this.store.setItem(this.key, JSON.stringify(entries));
    } catch {
      return false;
    }
    this.handlers.changed();
    return true;
  }
}
