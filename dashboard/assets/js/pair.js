/** A screen that is to become a wall: shows its code and QR, asks until somebody approves it, then goes to the wall. It never gives up. */

/** @typedef {{poll_ms: number, wall: string, messages: Record<string, string>}} Config */
/** @typedef {{device_code: string, user_code: string, ends: number}} Offer */

const API = "/api/v1/devices";
const KEY = "fenghuo.pairing";
const RETRY_MS = 5_000;
const DENIED_MS = 15_000;
/** An offer that ends so soon is not worth showing to anybody. */
const MARGIN_MS = 15_000;

/** @type {Config} */
const config = JSON.parse(document.getElementById("fenghuo-page")?.textContent ?? "{}");
const code = element("code");
const qr = /** @type {HTMLImageElement} */ (element("qr"));
const state = element("state");

/** @param {string} name */
function element(name) {
  const found = document.querySelector(`[data-pair="${name}"]`);
  if (!(found instanceof HTMLElement)) throw new Error(`the page has no ${name}`);
  return found;
}

/** @param {string} key @param {"waiting" | "lost"} [kind] */
function say(key, kind = "waiting") {
  const text = config.messages[`pair.live.${key}`] ?? "";
  if (state.textContent !== text) state.textContent = text;
  state.dataset.kind = kind;
}

/** @param {number} ms @returns {Promise<void>} */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} path @param {object} body */
async function post(path, body) {
  const answer = await fetch(API + path, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** The offer that this screen had before it was restarted, while it still holds. @returns {Offer | null} */
function kept() {
  try {
    const offer = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return offer && typeof offer.device_code === "string" && offer.ends - MARGIN_MS > Date.now() ? offer : null;
  } catch {
    return null;
  }
}

/** @param {Offer | null} offer */
function keep(offer) {
  try {
    if (offer) localStorage.setItem(KEY, JSON.stringify(offer));
    else localStorage.removeItem(KEY);
  } catch {
    // Without storage a restarted screen shows a new code.
  }
}

/** @returns {Promise<Offer>} */
async function begin() {
  const told = await post("/pair", {});
  const offer = { device_code: told.device_code, user_code: told.user_code, ends: Date.now() + told.expires_in * 1000 };
  keep(offer);
  return offer;
}

/** @param {Offer} offer */
function show(offer) {
  if (code.textContent === offer.user_code) return;
  code.textContent = offer.user_code;
  qr.src = `/wall/pair/${encodeURIComponent(offer.user_code)}.svg`;
  qr.hidden = false;
}

async function run() {
  /** @type {Offer | null} */
  let offer = kept();
  for (;;) {
    try {
      offer ??= await begin();
      show(offer);
      const { status } = await post("/poll", { device_code: offer.device_code, cookie: true });
      delete code.dataset.old;
      if (status === "approved") {
        say("approved");
        keep(null);
        location.replace(config.wall);
        return;
      }
      if (status === "pending" && offer.ends > Date.now()) {
        say("waiting");
        await pause(config.poll_ms);
        continue;
      }
      keep(null);
      offer = null;
      if (status === "denied") {
        say("denied", "lost");
        await pause(DENIED_MS);
      }
    } catch {
      // The server is away or asks to wait: the code may be old by the time it is back, so it is greyed.
      code.dataset.old = "";
      say("lost", "lost");
      await pause(RETRY_MS);
    }
  }
}

void run();
