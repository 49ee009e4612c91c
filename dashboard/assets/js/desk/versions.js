/** Three versions of an incident: as it was seen, as it is wanted, as it is now; field by field; pure. */

/** @typedef {import("./incidents.js").Incident} Incident */
/** @typedef {"level" | "deaths" | "injuries" | "loss" | "status"} Field */
/** @typedef {{level?: number, deaths?: number | null, injuries?: number | null, loss?: number | null, status?: "closed"}} Change */

const TOLL = /** @type {const} */ (["deaths", "injuries", "loss"]);
export const FIELDS = /** @type {const} */ (["level", ...TOLL, "status"]);

/**
 * The fields in which the three versions differ.
 *
 * @param {Incident} seen what the officer had on the screen
 * @param {Change} change what the officer wants
 * @param {Incident} theirs as it is now
 * @returns {{field: Field, seen: any, mine: any, theirs: any, clash: boolean}[]} clash: both changed it, differently
 */
export function differences(seen, change, theirs) {
  return FIELDS.map((field) => {
    const mine = field in change ? change[field] : seen[field];
    const clash = mine !== seen[field] && theirs[field] !== seen[field] && mine !== theirs[field];
    return { field, seen: seen[field], mine, theirs: theirs[field], clash };
  }).filter(({ seen: before, mine, theirs: now }) => mine !== before || now !== before);
}

/**
 * What is to be sent so that `theirs` becomes what was chosen; null when nothing is left to change.
 *
 * @param {Incident} theirs
 * @param {Change} chosen
 */
export function bodyOf(theirs, chosen) {
  const changed = FIELDS.filter((field) => field in chosen && chosen[field] !== theirs[field]);
  if (changed.length === 0) return null;
  const toll = Object.fromEntries(TOLL.map((name) => [name, name in chosen ? chosen[name] : theirs[name]]));
  return {
    ...(changed.includes("level") ? { level: chosen.level } : {}),
    ...(TOLL.some((name) => changed.includes(name)) ? { toll } : {}),
    ...(changed.includes("status") ? { status: chosen.status } : {}),
    version: theirs.version,
  };
}
