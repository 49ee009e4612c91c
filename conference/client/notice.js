/** One line across the page that says what happened, and goes by itself. */

import { byId } from "./text.js";

const NOTICE_MS = 7000;

const notice = byId("notice", HTMLElement);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} words @param {"warning" | "good"} [kind] */
export function tell(words, kind = "warning") {
  notice.textContent = words;
  notice.className = `banner banner--${kind}`;
  notice.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => {
    notice.hidden = true;
  }, NOTICE_MS);
}

/** @param {unknown} error */
export function tellError(error) {
  tell(error instanceof Error ? error.message : String(error));
}
