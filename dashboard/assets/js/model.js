/** What a page knows: the topics' snapshots, kept current by events and ticks; no page, no clock. */

/**
 * @typedef {import("./topics.js").Topics} Topics
 * @typedef {import("./topics.js").Sensor} Sensor
 * @typedef {import("./topics.js").JournalEvent} JournalEvent
 * @typedef {import("./topics.js").Tick} Tick
 * @typedef {import("./topics.js").Incident} Incident
 */

const RECENT = 120;
/** Closed incidents are counted for a day. */
const CLOSED_MS = 86_400_000;
/** The recent past has one point a minute at most: the last value in it (docs/feed-protocol.md). */
export const GRAIN_MS = 60_000;
const JOURNAL = 40;
/** Topics whose state is one object; the others are tables by id. */
const WHOLE = new Set(["duty", "system"]);
const TABLES = new Set(["sites", "incidents", "resources", "rooms", "tasks"]);

/** The decision of which a task comes stands there already. */
const UNSAID = new Set(["task.ordered"]);

/** Level Ⅱ and worse takes the screen. */
const GRAVE = 2;

export class Model {
  /** @type {Topics} */
  topics = { sites: {}, readings: {}, incidents: {}, resources: {}, duty: { shift: null, next: null }, rooms: {}, tasks: {}, journal: [], system: null };
  /** Topics of which a snapshot came; of the others only the journal's lines are kept. @type {Set<string>} */
  #held = new Set();
  /** Whether a whole snapshot ever came. */
  known = false;
  /** How often each topic changed, ticks' readings aside. @type {Map<string, number>} */
  #revisions = new Map();

  /**
   * Grows with every change of these topics: a panel that shows nothing else is drawn only then.
   *
   * @param {...import("./topics.js").TopicName} topics
   */
  revision(...topics) {
    return topics.reduce((sum, topic) => sum + (this.#revisions.get(topic) ?? 0), 0);
  }

  /** @param {string} topic */
  #changed(topic) {
    this.#revisions.set(topic, (this.#revisions.get(topic) ?? 0) + 1);
  }

  /**
   * Take over a snapshot; topics that are absent or null stay as they are.
   *
   * @param {Record<string, any>} snapshot
   * @returns {Incident[]} grave incidents that were not grave or not known before, the worst last; at the first snapshot all of them
   */
  replace(snapshot) {
    const before = this.topics.incidents;
    const first = !this.known;
    for (const [topic, state] of Object.entries(snapshot)) {
      if (state === null || !(topic in this.topics)) continue;
      Object.assign(this.topics, { [topic]: state });
      this.#held.add(topic);
      this.#changed(topic);
    }
    this.topics.journal = this.topics.journal.filter(({ kind }) => !UNSAID.has(kind)).map((event) => ({ ...event, state: null }));
    if ("incidents" in snapshot) this.known = true;
    return this.openIncidents().filter((now) => grave(now, first ? undefined : before[now.id])).reverse();
  }

  /**
   * Apply one event of the journal.
   *
   * @param {JournalEvent} event
   * @returns {Incident | null} the incident that it opened as, or raised to, level Ⅰ or Ⅱ
   */
  apply(event) {
    const { topic, subject, state } = event;
    /** @type {Incident | null} */
    let risen = null;
    if (WHOLE.has(topic)) {
      if (state) Object.assign(this.topics, { [topic]: { ...this.topics[/** @type {"duty"} */ (topic)], ...state } });
    } else if (TABLES.has(topic) && this.#held.has(topic)) {
      const table = /** @type {Record<string, any>} */ (this.topics[/** @type {"sites"} */ (topic)]);
      if (topic === "incidents" && state && grave(state, table[subject])) risen = state;
      // What is over leaves, or a wall that runs for months would keep every room and incident of those months.
      if (state === null || (topic === "rooms" && state.open === false) || (topic === "tasks" && (state.status === "done" || state.status === "withdrawn"))) delete table[subject];
      else table[subject] = state;
      if (topic === "incidents") this.#forgetClosed(event.at);
    } else if (topic === "readings" && state !== null && typeof state === "object") {
      const known = this.topics.readings[subject];
      this.topics.readings[subject] = { ...state, recent: known?.recent ?? state.recent ?? [], at: known?.at ?? state.at ?? null, value: known?.value ?? state.value ?? null };
    }
    // The journal is for reading: a state kept in forty rows would only hold memory.
    if (!UNSAID.has(event.kind)) this.topics.journal = [{ ...event, state: null }, ...this.topics.journal].slice(0, JOURNAL);
    this.#changed(topic);
    if (topic !== "journal") this.#changed("journal");
    return risen;
  }

  /**
   * Take in a second's readings.
   *
   * @param {Tick} tick
   * @returns {boolean} whether a sensor was among them that the snapshot did not know
   */
  tick(tick) {
    let unknown = false;
    for (const [id, points] of Object.entries(tick.readings ?? {})) {
      const sensor = this.topics.readings[id];
      if (sensor === undefined) unknown = true;
      else for (const [at, value, quality] of points) take(sensor, at, value, quality);
    }
    if (JSON.stringify(tick.system) !== JSON.stringify(this.topics.system)) {
      this.topics.system = tick.system;
      this.#changed("system");
    }
    return unknown;
  }

  /** @param {number} now epoch ms */
  #forgetClosed(now) {
    for (const [id, incident] of Object.entries(this.topics.incidents)) {
      if (incident.status === "closed" && now - incident.opened_at > CLOSED_MS) delete this.topics.incidents[id];
    }
  }

  /** Open incidents, worst first, then newest first. */
  openIncidents() {
    return Object.values(this.topics.incidents)
      .filter((incident) => incident.status === "open")
      .sort((a, b) => a.level - b.level || b.opened_at - a.opened_at);
  }

  /** @param {string | null | undefined} id */
  site(id) {
    return id ? this.topics.sites[id] : undefined;
  }
}

/**
 * @param {Incident} now
 * @param {Incident | undefined} before
 */
function grave(now, before) {
  if (now.status !== "open" || now.level > GRAVE) return false;
  return before === undefined || before.status !== "open" || before.level > now.level;
}

/** @param {number} one @param {number} other */
function sameMinute(one, other) {
  return Math.floor(one / GRAIN_MS) === Math.floor(other / GRAIN_MS);
}

/**
 * @param {Sensor} sensor
 * @param {number} at
 * @param {number} value
 * @param {number} quality
 */
function take(sensor, at, value, quality) {
  const { recent } = sensor;
  let index = recent.length;
  // Late and repeated readings are normal: each goes to its place in time, the last word about a moment holds.
  while (index > 0 && /** @type {[number, number]} */ (recent[index - 1])[0] > at) index -= 1;
  const before = recent[index - 1];
  const after = recent[index];
  if (before !== undefined && sameMinute(before[0], at)) {
    before[0] = at;
    before[1] = value;
  } else if (after === undefined || !sameMinute(after[0], at)) recent.splice(index, 0, [at, value]);
  if (recent.length > RECENT) recent.shift();
  // The last row of a tick is the newest, even where its time is earlier: the sensor's clock ran ahead and was put right.
  sensor.at = at;
  sensor.value = value;
  sensor.quality = quality;
}
