/** Which sites a few typed letters mean, and which a text names: Chinese or Latin name, its initials, or the administrative code; pure. */

/** @typedef {import("../topics.js").Site} Site */

/** What people add to the name of a village, in speech and on forms. */
const SUFFIX = /(?:村委会|居委会|行政村|社区|村|\s+(?:village|community))$/;
/** What begins a syllable of pinyin. */
const ONSET = /(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])(?=[aeiouv])|^[aeo]/g;
const EXACT = 0;
const BEGINS = 1;
const CONTAINS = 2;
const LETTERS = 3;

/**
 * The sites that fit, best first: exactly so named or with exactly these initials, beginning so, containing it, having these letters in this order.
 * Among equals villages come first: that is where things happen.
 *
 * @param {Site[]} sites
 * @param {string} typed
 * @returns {Site[]}
 */
export function matchSites(sites, typed) {
  const wanted = bare(typed);
  if (wanted === "") return villagesFirst(sites);
  /** @type {Map<Site, number>} */
  const ranks = new Map(sites.map((site) => [site, rankOf(site, wanted)]));
  const rank = (/** @type {Site} */ site) => ranks.get(site) ?? Infinity;
  return villagesFirst(sites.filter((site) => rank(site) < Infinity)).sort((a, b) => rank(a) - rank(b));
}

/**
 * The sites whose name a text contains, villages first. A name that is only part of a longer one does not count, nor does a village's in the name of
 * its township (碧寨 in 碧寨乡).
 *
 * @param {Site[]} sites
 * @param {string} text
 * @returns {Site[]}
 */
export function sitesNamed(sites, text) {
  let rest = folded(text);
  /** @type {Set<Site>} */
  const found = new Set();
  const names = sites.flatMap((site) => [bare(site.name.zh), bare(site.name.en)].filter((name) => name.length > 1).map((name) => ({ site, name })));
  for (const { site, name } of names.sort((a, b) => b.name.length - a.name.length)) {
    const said = new RegExp(`${/^[a-z]/.test(name) ? "\\b" : ""}${name.replace(/[^\p{L}\p{N} ]/gu, "\\$&")}(?![乡镇县])${/[a-z]$/.test(name) ? "\\b" : ""}`, "gu");
    if (!said.test(rest)) continue;
    found.add(site);
    rest = rest.replace(said, "\n");
  }
  return villagesFirst([...found]);
}

/** @param {Site[]} sites */
function villagesFirst(sites) {
  return [...sites].sort((a, b) => Number(b.kind === "village") - Number(a.kind === "village"));
}

/** @param {string} text */
function folded(text) {
  return text.normalize("NFKC").trim().toLowerCase();
}

/** A name without what people add to it. @param {string} name */
function bare(name) {
  const whole = folded(name);
  return whole.replace(SUFFIX, "") || whole;
}

/**
 * @param {Site} site
 * @param {string} wanted
 */
function rankOf(site, wanted) {
  const english = bare(site.name.en);
  const onsets = english.includes(" ") ? english.split(/\s+/).map((word) => word[0] ?? "") : (english.match(ONSET) ?? []);
  const initials = [onsets.map((onset) => onset[0]).join(""), onsets.join("")];
  const names = [bare(site.name.zh), english, site.id.toLowerCase(), site.code.toLowerCase()];
  if (names.includes(wanted) || initials.includes(wanted)) return EXACT;
  if ([...names, ...initials].some((name) => name.startsWith(wanted))) return BEGINS;
  if (names.some((name) => name.includes(wanted))) return CONTAINS;
  return names.some((name) => hasLetters(name, wanted)) ? LETTERS : Infinity;
}

/**
 * @param {string} name
 * @param {string} wanted
 */
function hasLetters(name, wanted) {
  if (/^\d+$/.test(wanted) || name[0] !== wanted[0]) return false;
  let from = 0;
  for (const letter of wanted) {
    from = name.indexOf(letter, from) + 1;
    if (from === 0) return false;
  }
  return true;
}
