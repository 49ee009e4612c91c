/** What every page of somebody who is known does beside its own work: it keeps the login, and rings when their site is called. */

import { keep } from "./session.js";

/** @typedef {{kind: "person" | "guest" | "device", lang: "zh" | "en", site: string | null, messages: Record<string, string>}} SignedIn */

/** @type {SignedIn} */
const page = JSON.parse(document.getElementById("fenghuo-signedin")?.textContent ?? "{}");

// A screen's token lives until it is revoked.
if (page.kind !== "device") keep();
// Only then: who belongs to no site is never rung.
if (page.site !== null) void import("./ring/main.js").then(({ start }) => start(page));
