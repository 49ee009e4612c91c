/** What is wrong with the platform itself, as one sentence that says what to do; pure. */

import { readingState } from "./staleness.js";

/** @typedef {import("./topics.js").System} System */
/** @typedef {import("./topics.js").Sensor} Sensor */

/** So long must every sensor be silent before it is one cause. */
const SILENT_MS = 60_000;
/** Fewer silent sensors than these may each have a cause of their own. */
const SILENT_MIN = 3;

/** Reasons whose sentence the catalogues have; for any other the sentence is general. */
const KNOWN = new Set(["disk_full", "database_failed", "database_removed", "no_worker", "no_broker", "port_taken"]);

/**
 * The one thing to be told: a full disk stops the ingest too, and is told once.
 *
 * @param {System | null} system
 * @returns {{code: string, since: number | null, lagS?: number} | null} `lagS` while readings come late: how old they are then, seconds
 */
export function troubleOf(system) {
  if (system === null) return null;
  const { database, ingest } = system;
  const since = ingest.state === "stopped" ? (ingest.since ?? null) : null;
  if (database === "full") return { code: "disk_full", since };
  if (database === "removed") return { code: "database_removed", since };
  if (database !== "ok") return { code: "database_failed", since };
  if (ingest.state === "behind") return { code: "behind", since: null, lagS: ingest.lag_s ?? 0 };
  if (ingest.state !== "stopped") return null;
  const reason = ingest.reason ?? "";
  return { code: KNOWN.has(reason) ? reason : "other", since };
}

/**
 * Whether all that should report are silent at once: that has one cause, and it is not at the stations. Sensors that report rarely are not asked
 * before their time, and those that never reported not at all.
 *
 * @param {Sensor[]} sensors
 * @param {number | null} now the server's epoch milliseconds
 * @returns {{count: number, since: number} | null} how many, and the time of the last reading of any sensor
 */
export function allSilent(sensors, now) {
  if (now === null) return null;
  const last = Math.max(0, ...sensors.map(({ at }) => at ?? 0));
  if (last === 0 || now - last < SILENT_MS) return null;
  const count = sensors.filter(({ at, period_s: periodS }) => at !== null && readingState(now, at, periodS) !== "fresh").length;
  return count >= SILENT_MIN ? { count, since: last } : null;
}

/**
 * @param {import("./words.js").Words} words whose catalogue has `trouble.…`
 * @param {System | null} system
 * @param {number | null} now the server's epoch milliseconds
 * @param {Sensor[]} [sensors]
 * @returns {string} empty when all is well
 */
export function troubleText(words, system, now, sensors = []) {
  const trouble = troubleOf(system);
  if (trouble === null) {
    const silent = system === null ? null : allSilent(sensors, now);
    return silent === null || now === null ? "" : words.t("trouble.silent", { count: String(silent.count), span: words.span(now - silent.since) });
  }
  const ms = trouble.lagS !== undefined ? trouble.lagS * 1000 : trouble.since === null || now === null ? null : Math.max(0, now - trouble.since);
  const since = ms === null ? "" : words.t("trouble.since", { span: words.span(ms) });
  return words.t(`trouble.${trouble.code}`, { since });
}
