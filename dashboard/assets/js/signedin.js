/** What every page of somebody who is logged in does beside its own work: it keeps the login. */

import { keep } from "./session.js";

/** @type {{kind: "person" | "guest" | "device"}} */
const page = JSON.parse(document.getElementById("fenghuo-signedin")?.textContent ?? "{}");

// A screen's token lives until it is revoked.
if (page.kind !== "device") keep();
