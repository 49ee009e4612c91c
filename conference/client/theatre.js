/** The big screen of a command room: nothing but pictures until somebody moves the mouse or presses a key. */

const QUIET_AFTER_MS = 3000;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let on = false;

function wake() {
  delete document.body.dataset.quiet;
  clearTimeout(timer);
  if (on) {
    timer = setTimeout(() => {
      document.body.dataset.quiet = "true";
    }, QUIET_AFTER_MS);
  }
}

for (const what of ["pointermove", "pointerdown", "keydown", "focusin"]) document.addEventListener(what, wake);

/** @param {boolean} theatre */
export function setTheatre(theatre) {
  on = theatre;
  wake();
}
