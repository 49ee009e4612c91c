/**
 * The HTTP API as the desk uses it: an answer is the body or a problem (RFC 9457), never an exception. The login is a cookie, and the server knows our own
 * requests by their origin (dashboard/origins.py).
 *
 * @typedef {{status: number, code: string, title: string, params: Record<string, any>}} Problem status 0: the server was not reached
 * @typedef {{ok: true, body: any} | {ok: false, problem: Problem}} Reply
 */

import { send } from "../session.js";

const TIMEOUT_MS = 10_000;

/**
 * @param {"GET" | "POST" | "PATCH" | "PUT" | "DELETE"} method
 * @param {string} path under /api/v1
 * @param {unknown} [body]
 * @returns {Promise<Reply>}
 */
export async function call(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const response = await send(`/api/v1${path}`, {
      method, headers, signal: AbortSignal.timeout(TIMEOUT_MS), body: body === undefined ? undefined : JSON.stringify(body),
    });
    const content = response.status === 204 ? null : await response.json().catch(() => null);
    if (response.ok) return { ok: true, body: content };
    const { code = "", detail = "", params = {} } = content ?? {};
    return { ok: false, problem: { status: response.status, code, title: detail, params } };
  } catch {
    // No answer: the cable, the server, or a timeout. Whether the server acted is not known, which is why what creates carries an id.
    return { ok: false, problem: { status: 0, code: "unreached", title: "", params: {} } };
  }
}
