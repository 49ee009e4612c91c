/** The keyboard: one letter for each control, Escape closes, and the space bar held speaks. */

/** @type {Record<string, string>} */
const ACTIONS = { m: "mute", v: "camera", s: "screen", p: "people", h: "hand", c: "chat", l: "layout-next", d: "settings", r: "calls", escape: "escape" };
const WRITES = "input, select, textarea, dialog";

/**
 * @param {{live: () => boolean, run: (action: string) => void, press: () => boolean, release: () => void}} page
 *   `press` says whether the space bar means speaking right now
 */
export function listen(page) {
  document.addEventListener("keydown", (event) => {
    if (!page.live() || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = ACTIONS[event.key.toLowerCase()];
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest(action === "escape" ? "dialog" : WRITES)) return;
    if (event.key === " " && page.press()) event.preventDefault();
    if (action === undefined || event.repeat) return;
    event.preventDefault();
    page.run(action);
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    // Held over a button, the space bar would press it when it is let go.
    if (page.press()) event.preventDefault();
    page.release();
  });
  // Another window took the keyboard: the key's end will not be told.
  addEventListener("blur", () => page.release());
}
