/** The field page: takes a report, keeps it until the server has it, and shows what is known of this site. */

import { call } from "./desk/api.js";
import { Outbox } from "./desk/outbox.js";
import { uuid7 } from "./desk/uuid7.js";
import { Rows, h, put, write } from "./dom.js";
import { onLogin } from "./session.js";

/** @typedef {{lang: "zh" | "en", me: string, site: string | null, levels: string[], messages: Record<string, string>}} Page */
/** @typedef {import("./topics.js").Incident} Incident */

const KNOWN = 8;
const REFRESH_MS = 30_000;
/** A phone under trees needs its time; after it the report goes without a position. */
const LOCATE_MS = 20_000;

/** @type {Page} */
const page = JSON.parse(document.getElementById("fenghuo-page")?.textContent ?? "{}");
const form = /** @type {HTMLFormElement} */ (part("form"));
const error = part("error");
const said = part("said");
const position = part("position");
const locate = part("locate");

/** @type {{lat: number, lon: number} | null} */
let here = null;
// One report, one id: a second press of the button is the same report.
let id = uuid7();

/** @param {string} name @returns {HTMLElement} */
function part(name) {
  const found = document.querySelector(`[data-report="${name}"]`);
  if (!(found instanceof HTMLElement)) throw new Error(`the page has no ${name}`);
  return found;
}

/** @param {string} key @param {Record<string, string | number>} [values] */
function t(key, values = {}) {
  return (page.messages[`field.live.${key}`] ?? key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** @param {Record<string, unknown>} body */
async function send(body) {
  const reply = await call("POST", "/incidents", body);
  if (reply.ok || reply.problem.code !== "at_in_the_future") return reply;
  // This phone's clock is ahead: the time of arrival is nearer the truth.
  return call("POST", "/incidents", { ...body, at: null });
}

const outbox = new Outbox(localStorage, `fenghuo.field.outbox.${page.me}`, send, {
  changed: drawWaiting,
  sent: (incident) => {
    write(said, t("sent", { number: incident.number }));
    void drawKnown();
  },
});

/** @type {Rows<import("./desk/outbox.js").Entry>} */
const waiting = new Rows(part("waiting"), (first) => {
  const title = h("strong", { dir: "auto" });
  const about = h("span");
  // In a window of its own: what was typed here stays.
  const login = h("a.button", { href: "/login?next=/field", target: "_blank", rel: "noopener" }, t("login.again"));
  const drop = h("button.button", { type: "button" }, t("drop"));
  drop.addEventListener("click", () => outbox.take(first.id));
  const node = h("li.banner", {}, title, about, login, drop);
  return {
    node,
    show: (entry) => {
      const state = entry.refused ? "refused" : entry.tries === 0 ? "sending" : entry.waits;
      node.classList.toggle("banner--danger", entry.refused !== null);
      node.classList.toggle("banner--warning", entry.refused === null);
      put(node, "data-state", state);
      write(title, String(entry.body["title"]));
      write(about, entry.refused?.title || t(state));
      put(login, "hidden", state !== "login");
      put(drop, "hidden", entry.refused === null);
    },
  };
});

/** @type {Rows<Incident>} */
const known = new Rows(part("known"), () => {
  const level = h("b.level");
  const title = h("span", { dir: "auto" });
  const about = h("span.muted.number");
  return {
    node: h("li.report__known", {}, level, title, about),
    show: (incident) => {
      put(level, "data-level", incident.status === "open" ? incident.level : null);
      write(level, page.levels[incident.level - 1] ?? "");
      write(title, incident.title);
      write(about, `${incident.number} · ${t(incident.status)}`);
    },
  };
});

function drawWaiting() {
  waiting.show(outbox.entries(), (entry) => entry.id);
}

async function drawKnown() {
  const reply = await call("GET", "/incidents");
  if (!reply.ok) return;
  const own = /** @type {Incident[]} */ (reply.body).filter((incident) => page.site === null || incident.site === page.site);
  known.show(own.slice(0, KNOWN), (incident) => incident.id);
  put(part("none"), "hidden", own.length > 0);
}

locate.addEventListener("click", () => {
  // Browsers tell where they are only to https and localhost.
  if (!window.isSecureContext || !navigator.geolocation) {
    write(position, t("position.insecure"));
    return;
  }
  write(position, t("position.looking"));
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      here = { lat: coords.latitude, lon: coords.longitude };
      write(position, t("position.found", { m: Math.round(coords.accuracy) }));
    },
    () => write(position, t("position.none")),
    { enableHighAccuracy: true, timeout: LOCATE_MS, maximumAge: LOCATE_MS },
  );
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = new FormData(form);
  const title = String(typed.get("title") ?? "").trim().replace(/\s+/g, " ");
  const missing = title === "" ? "title" : ["class", "level"].find((name) => !typed.get(name));
  put(error, "hidden", missing === undefined);
  if (missing !== undefined) {
    write(error, t(`missing.${missing}`));
    /** @type {HTMLElement | null} */ (form.querySelector(`[name=${missing}]`))?.focus();
    return;
  }
  const body = { title, class: typed.get("class"), level: Number(typed.get("level")), site: page.site, place: String(typed.get("place") ?? "").trim(), at: Date.now(), ...(here ?? {}) };
  if (!outbox.add(id, body, Date.now())) {
    write(error, t("too_many"));
    put(error, "hidden", false);
    return;
  }
  id = uuid7();
  here = null;
  write(position, "");
  write(said, "");
  form.reset();
});

drawWaiting();
void outbox.flush();
void drawKnown();
setInterval(() => void drawKnown(), REFRESH_MS);
addEventListener("online", () => void outbox.flush());
onLogin((valid) => {
  if (valid) void outbox.flush();
});
