/** Requests to the HTTP API with this page's cookie. */

import { send } from "/assets/js/session.js";

/** Never an exception: a network failure is an answer that is not ok. @typedef {{ok: boolean, status: number, body: Record<string, unknown>}} Answer */

/** Post JSON. @param {string} path @param {object} body @returns {Promise<Answer>} */
export function post(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** @param {string} path @returns {Promise<Answer>} */
export function get(path) {
  return ask(path, {});
}

/** @param {string} path @param {RequestInit} how @returns {Promise<Answer>} */
async function ask(path, how) {
  try {
    const response = await send(path, how);
    const text = await response.text();
    return { ok: response.ok, status: response.status, body: text === "" ? {} : JSON.parse(text) };
  } catch (error) {
    return { ok: false, status: 0, body: { title: String(error) } };
  }
}
