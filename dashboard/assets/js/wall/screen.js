/** Type size from the screen's geometry: the same rule as dataviz/screen.py, for the window that is there; pure. */

const LEAST_WIDTH_REM = 30;
const COMFORT_WIDTH_REM = 58;
const ROOMY_WIDTH_REM = 64;
const COMPACT_BELOW_REM = 48;

/**
 * @param {{target: number, least: number}} share text height as a share of the diagonal, at 20 and at 16 minutes of arc
 * @param {number} width CSS pixels
 * @param {number} height CSS pixels
 * @returns {{root: number, least: number, density: "full" | "compact"}} CSS pixels
 */
export function textSize(share, width, height) {
  const diagonal = Math.hypot(width, height);
  const side = Math.min(width, (height * 16) / 9);
  const least = Math.min(share.least * diagonal, side / LEAST_WIDTH_REM);
  const root = Math.max(least, Math.min(share.target * diagonal, side / COMFORT_WIDTH_REM), side / ROOMY_WIDTH_REM);
  return { root, least: Math.max(least, root * 0.8), density: side / root < COMPACT_BELOW_REM ? "compact" : "full" };
}
