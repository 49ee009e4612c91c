/** What is wrong with the platform itself, as one sentence that says what to do; pure. */

/** @typedef {import("./topics.js").System} System */

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
 * @param {import("./words.js").Words} words whose catalogue has `trouble.…`
 * @param {System | null} system
 * @param {number | null} now the server's epoch milliseconds
 * @returns {string} empty when all is well
 */
export function troubleText(words, system, now) {
  const trouble = troubleOf(system);
  if (trouble === null) return "";
  const ms = trouble.lagS !== undefined ? trouble.lagS * 1000 : trouble.since === null || now === null ? null : Math.max(0, now - trouble.since);
  const since = ms === null ? "" : words.t("trouble.since", { span: words.span(ms) });
  return words.t(`trouble.${trouble.code}`, { since });
}
