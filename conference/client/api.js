/** Requests to the HTTP API with this page's cookie. */

/**
 * Post JSON. Never throws: a network failure is an answer that is not ok.
 * @param {string} path
 * @param {object} body
 * @returns {Promise<{ok: boolean, status: number, body: Record<string, unknown>}>}
 */
export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { ok: response.ok, status: response.status, body: text === "" ? {} : JSON.parse(text) };
  } catch (error) {
    return { ok: false, status: 0, body: { title: String(error) } };
  }
}
