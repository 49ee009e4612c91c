/** The login page: says when Caps Lock is on, and sends the form once. It works without this file too. */

const form = /** @type {HTMLFormElement | null} */ (document.querySelector('[data-form="login"]'));
const caps = document.getElementById("caps");
const button = form?.querySelector("button");

form?.addEventListener("keyup", (event) => {
  if (caps && typeof event.getModifierState === "function") caps.hidden = !event.getModifierState("CapsLock");
});
form?.addEventListener("submit", () => {
  if (button) button.disabled = true;
});
// Coming back with the browser's button shows the page as it was left, with a button that no longer works.
window.addEventListener("pageshow", () => {
  if (button) button.disabled = false;
});
