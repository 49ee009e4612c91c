/**
 * Keeps the login of a long-open page alive: renews it every ten minutes, and at once when the page comes back after a sleep.
 * Tabs of one browser share a login; whoever renews tells the others by local storage, so that one renewal serves all.
 */

const EVERY_MS = 10 * 60_000;
const LOOK_MS = 60_000;
const KEY = "fenghuo.renewed";
const DOOR = "/auth/refresh";

/** @type {Promise<boolean> | null} */
let under_way = null;

/** When any tab last renewed, epoch ms. @returns {number} */
function renewedAt() {
  try {
    return Number(localStorage.getItem(KEY)) || 0;
  } catch {
    return 0; // Storage is forbidden: each tab renews for itself, which the server allows for.
  }
}

/** @param {number} at epoch ms */
function remember(at) {
  try {
    localStorage.setItem(KEY, String(at));
  } catch {
    // As above.
  }
}

/**
 * Renew the login now. Several calls at once are one request.
 * @returns {Promise<boolean>} false when the login is over; a server that is away is no reason to think so
 */
export function renew() {
  under_way ??= fetch(DOOR, { method: "POST", credentials: "same-origin" })
    .then((answer) => {
      if (answer.ok) remember(Date.now());
      return answer.status !== 401;
    })
    .catch(() => true)
    .finally(() => {
      under_way = null;
    });
  return under_way;
}

/**
 * `fetch` with the page's login: renewed and tried once more when it had run out.
 * @param {string} address
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function send(address, options = {}) {
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  if (answer.status !== 401 || !(await renew())) return answer;
  return fetch(address, { credentials: "same-origin", ...options });
}

async function look() {
  const age = Date.now() - renewedAt();
  if (age >= 0 && age < EVERY_MS) return;
  if (!(await renew())) clearInterval(timer);
}

// A short look, not one long timer: a timer does not run while the computer sleeps.
const timer = setInterval(look, LOOK_MS);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void look();
});
// The page has just been answered, so its login is no older than the access token; renewing now makes the times known.
void look();
