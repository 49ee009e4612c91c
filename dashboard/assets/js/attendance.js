/** Who came to a consultation, counted in one way everywhere: of the expected sites those that are here and those that are not, and whoever else is. */

/**
 * @typedef {import("./topics.js").Room} Room
 * @typedef {import("./topics.js").RollCall} RollCall
 * @typedef {import("./topics.js").Presence} Presence
 * @typedef {{here: RollCall[], missing: RollCall[], beside: Presence[]}} Attendance beside: staff and guests who are connected and of no expected site
 */

/**
 * @param {Room} room
 * @returns {Attendance}
 */
export function attendance(room) {
  const expected = new Set(room.expected);
  return {
    here: room.rollcall.filter(({ state }) => state === "present"),
    missing: room.rollcall.filter(({ state }) => state === "missing"),
    beside: room.present.filter(({ connected, site }) => connected && (site === null || !expected.has(site))),
  };
}
