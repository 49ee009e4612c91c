/**
 * Keeps the login of a long-open page alive: renewed after two thirds of its life, at once when the page comes back after a sleep, and once more when the
 * server does not know us any more. Tabs of one browser share the login: one of them renews, the others hear of it by local storage.
 */

/** What became of a renewal. `unreached`: no answer, which says nothing about the login. @typedef {"renewed" | "refused" | "unreached"} Renewal */

/** A person's access token lives 15 minutes, a guest's up to a day; both are renewed this often at least. */
const EVERY_MS = 10 * 60_000;
const SHARE_OF_LIFE = 2 / 3;
/** Short looks, not one long timer: a timer does not run while the computer sleeps. */
const LOOK_MS = 60_000;
const LEAST_LOOK_MS = 500;
const AGAIN_MS = 15_000;
const TIMEOUT_MS = 10_000;
const KEY = "fenghuo.renewal";
/** Held by the tab that renews, so that the refresh token is shown once. */
const LOCK = "fenghuo.renewal";
const REFRESH = "/auth/refresh";

/** @type {Promise<Renewal> | null} */
let underWay = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {Set<(valid: boolean) => void>} */
const listeners = new Set();

/** When any tab last renewed, and when the next renewal is due; epoch ms. @returns {{at: number, due: number}} */
function last() {
  try {
    const { at, due } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { at: Number(at) || 0, due: Number(due) || 0 };
  } catch {
    return { at: 0, due: 0 }; // Storage is forbidden: each tab renews for itself, which the server allows for.
  }
}

/** @param {number} at epoch ms @param {number} lifeMs */
function remember(at, lifeMs) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ at, due: at + Math.min(EVERY_MS, lifeMs * SHARE_OF_LIFE) }));
  } catch {
    // As above.
  }
}

/** @returns {Promise<Renewal>} */
async function ask() {
  try {
    const answer = await fetch(REFRESH, { method: "POST", credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.status === 401) return "refused";
    if (!answer.ok) return "unreached";
    remember(Date.now(), Number((await answer.json()).expires_in) * 1000);
    return "renewed";
  } catch {
    return "unreached";
  }
}

/**
 * Renew the login now. Several calls at once, also of several tabs, are one request.
 * @returns {Promise<Renewal>}
 */
export function renew() {
  const known = last().at;
  // While this tab waited for the lock another one has renewed.
  const work = async () => (last().at !== known ? "renewed" : ask());
  // Browsers have locks on https and localhost only; elsewhere the server's patience with tabs that race must do.
  underWay ??= Promise.resolve(navigator.locks === undefined ? work() : navigator.locks.request(LOCK, work)).then(tell).finally(() => {
    underWay = null;
  });
  return underWay;
}

/** @param {Renewal} renewal */
function tell(renewal) {
  if (renewal !== "unreached") for (const listener of listeners) listener(renewal === "renewed");
  return renewal;
}

/**
 * Hear whether the login holds, whenever that becomes known here or in another tab.
 * @param {(valid: boolean) => void} listener
 */
export function onLogin(listener) {
  listeners.add(listener);
}

/**
 * `fetch` with the page's login: renewed and tried once more when it had run out.
 * @param {string} address
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function send(address, options = {}) {
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  if (answer.status !== 401 || (await renew()) !== "renewed") return answer;
  return fetch(address, { credentials: "same-origin", ...options });
}

async function look() {
  clearTimeout(timer);
  const now = Date.now();
  const { at, due } = last();
  // A time that lies ahead was written before the computer's clock was set back.
  if (now >= at && now < due) {
    timer = setTimeout(look, Math.max(LEAST_LOOK_MS, Math.min(LOOK_MS, due - now)));
    return;
  }
  const renewal = await renew();
  // After a refusal nothing is asked again, until somebody logs in.
  if (renewal !== "refused") timer = setTimeout(look, renewal === "renewed" ? LEAST_LOOK_MS : AGAIN_MS);
}

/** Keep the login from now on. The page has just been answered: renewing now, unless another tab did, makes the times known. */
export function keep() {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void look();
  });
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    tell("renewed");
    void look();
  });
  void look();
}
