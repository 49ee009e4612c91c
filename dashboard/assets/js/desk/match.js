/** Which sites a few typed letters mean: Chinese or Latin name, its beginning letters, or the administrative code; pure. */

/** @typedef {import("../topics.js").Site} Site */

/**
 * The sites that fit, best first: names that begin so, names that contain it, names that have these letters in this order (lsp → Lishuping).
 *
 * @param {Site[]} sites
 * @param {string} typed
 * @returns {Site[]}
 */
export function matchSites(sites, typed) {
  const wanted = typed.normalize("NFKC").trim().toLowerCase();
  if (wanted === "") return sites;
  /** @type {[number, Site][]} */
  const ranked = [];
  for (const site of sites) {
    const rank = Math.min(...[site.name.zh, site.name.en, site.id, site.code].map((name) => rankOf(name.toLowerCase(), wanted)));
    if (rank < Infinity) ranked.push([rank, site]);
  }
  return ranked.sort((a, b) => a[0] - b[0]).map(([, site]) => site);
}

/**
 * @param {string} name
 * @param {string} wanted
 */
function rankOf(name, wanted) {
  if (name.startsWith(wanted)) return 0;
  if (name.includes(wanted)) return 1;
  if (/^\d+$/.test(wanted) || name[0] !== wanted[0]) return Infinity;
  let from = 0;
  for (const letter of wanted) {
    from = name.indexOf(letter, from) + 1;
    if (from === 0) return Infinity;
  }
  return 2;
}
