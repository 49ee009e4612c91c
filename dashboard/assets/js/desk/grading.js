/** The level that an accident's figures suggest; the table comes from the server (operations/grading.py), which owns the rule. */

/** @typedef {{level: number, deaths: number, injuries: number, loss: number}} Threshold worst first; loss in yuan */
/** @typedef {{deaths: number, injuries: number, loss: number}} Figures loss in yuan */

const LEAST = 4;

/**
 * @param {Threshold[]} table
 * @param {Figures} figures
 * @returns {number | null} the level, null while nothing was counted
 */
export function suggestedLevel(table, { deaths, injuries, loss }) {
  if (deaths + injuries + loss === 0) return null;
  const reached = table.find((row) => deaths >= row.deaths || injuries >= row.injuries || loss >= row.loss);
  return reached?.level ?? LEAST;
}
