/** Which panels of a scene stand on the screen together: fewer the farther the seats are, the others on further pages of the scene; pure. */

/**
 * @typedef {"full" | "medium" | "far"} Density
 * @typedef {readonly (readonly string[])[]} Pages by page the names of its panels (data-tile)
 */

/** What was read from a page must have had the time for it. */
const PAGE_MS = 12_000;

/** Scenes that are one page are not named. @type {Record<Density, Record<string, Pages>>} */
const PAGES = {
  full: {},
  medium: {
    overview: [["incidents-open", "rivers", "map"], ["incidents-open", "rivers", "events", "consultation"]],
    sensors: [["river-chart", "sensors:river", "sensors:reservoir"], ["sensors:ground", "sensors:rain", "sensors:weather"]],
    resources: [["stocks", "teams"], ["shelters"]],
    incident: [["incident", "incident-log", "incident-map"], ["incident", "incident-room", "incident-near"]],
  },
  far: {
    overview: [["incidents-open", "events"], ["rivers"], ["map"], ["consultation"]],
    sensors: [["sensors:river", "sensors:reservoir"], ["river-chart"], ["sensors:rain"], ["sensors:ground"], ["sensors:weather"]],
    resources: [["stocks"], ["teams"], ["shelters"]],
    duty: [["duty", "duty-next"], ["room", "room-2"]],
    incident: [["incident"], ["incident-log"], ["incident-near"], ["incident-map"], ["incident-room"]],
  },
};

/** @param {Density} density @param {string} scene @returns {Pages} none: all panels stand there at once */
export function pagesOf(density, scene) {
  return PAGES[density][scene] ?? [];
}

/** How long a scene stays, so that each of its pages can be read. @param {Density} density @param {string} scene @param {number} sceneMs 0: for ever */
export function timeOf(density, scene, sceneMs) {
  return sceneMs === 0 ? 0 : Math.max(sceneMs, pagesOf(density, scene).length * PAGE_MS);
}

/**
 * The page of a scene to show.
 *
 * @param {number} pages
 * @param {number} share of the scene's time that is over, 0…1
 * @param {number} clock milliseconds that only grow
 * @param {boolean} still the scene stays for ever or for long: pages turn by the clock
 */
export function pageAt(pages, share, clock, still) {
  if (pages < 2) return 0;
  return still ? Math.floor(clock / PAGE_MS) % pages : Math.min(pages - 1, Math.floor(share * pages));
}
