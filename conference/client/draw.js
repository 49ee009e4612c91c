/** Small pieces that several views are drawn from. */

/** @param {string} id @param {string} title */
export function icon(id, title) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${id}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", title);
  svg.append(use);
  return svg;
}

/** Change a text only when it differs, so that a screen reader is not told the same again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * An element with a class and a text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} name @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function made(tag, name, text = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}

/** @param {string} words @param {() => void} pressed @param {string} [kind] */
export function button(words, pressed, kind = "") {
  const element = made("button", `button ${kind}`.trim(), words);
  element.type = "button";
  element.addEventListener("click", pressed);
  return element;
}
