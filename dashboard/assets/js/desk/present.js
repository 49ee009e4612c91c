/** Waiting for the page's skeleton: Dash draws it after it has fetched it. */

/**
 * The element with this id, as soon as it is there.
 *
 * @param {string} id
 * @returns {Promise<HTMLElement>}
 */
export function present(id) {
  return new Promise((resolve) => {
    const found = document.getElementById(id);
    if (found) {
      resolve(found);
      return;
    }
    const observer = new MutationObserver(() => {
      const node = document.getElementById(id);
      if (node === null) return;
      observer.disconnect();
      resolve(node);
    });
    observer.observe(document, { childList: true, subtree: true });
  });
}
