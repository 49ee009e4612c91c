/** Type size from the screen's geometry, for the window that is there; pure. Widths are in root sizes. */

/** Below this width no arrangement of the wall holds together; only then does text shrink below the least size. */
const LEAST_WIDTH_REM = 30;
/** The width at which the full arrangement is laid out: text shrinks from the target towards the least size to reach it. */
const COMFORT_WIDTH_REM = 58;
/** Near seats ask for small text; beyond this width the text grows instead, to use the screen that is there. */
const ROOMY_WIDTH_REM = 64;
/** Below the first of these the scenes are split into pages of two columns, below the second into pages of one list. */
const MEDIUM_BELOW_REM = 56;
const FAR_BELOW_REM = 40;

/**
 * @param {{target: number, least: number}} share text height as a share of the diagonal, at 20 and at 16 minutes of arc
 * @param {number} width CSS pixels
 * @param {number} height CSS pixels
 * @returns {{root: number, least: number, density: import("./arrangement.js").Density}} CSS pixels
 */
export function textSize(share, width, height) {
  const diagonal = Math.hypot(width, height);
  const side = Math.min(width, (height * 16) / 9);
  const least = Math.min(share.least * diagonal, side / LEAST_WIDTH_REM);
  const root = Math.max(least, Math.min(share.target * diagonal, side / COMFORT_WIDTH_REM), side / ROOMY_WIDTH_REM);
  return { root, least: Math.max(least, root * 0.8), density: side / root < FAR_BELOW_REM ? "far" : side / root < MEDIUM_BELOW_REM ? "medium" : "full" };
}
