/** Loading the page anew, but only once the server answers: a wall must never end on a browser's error page. */

const ASK_MS = 5000;

let underway = false;

/**
 * Ask /healthz until it answers well, then load the page again. A second call while the first is under way does nothing.
 *
 * @param {string} [address] where to go; empty: this same page
 */
export async function reloadWhenHealthy(address = "") {
  if (underway) return;
  underway = true;
  while (!(await healthy())) await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  if (address === "") location.reload();
  else location.replace(address);
}

/** @returns {Promise<boolean>} */
async function healthy() {
  try {
    return (await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(ASK_MS) })).ok;
  } catch {
    // The server is away: that is what is being waited for.
    return false;
  }
}
