// The login of a long-open page: one renewal serves all tabs, and only a refusal ends it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

/** @type {Map<string, string>} */
const stored = new Map();
/** @type {Promise<unknown>} */
let held = Promise.resolve();
let now = 1_000_000;
/** @type {string[]} */
let asked = [];
/** @type {(path: string) => {status: number, ok: boolean, json: () => Promise<unknown>} | Error} */
let server = () => renewed();
let tabs = 0;

const renewed = (lifeS = 900) => ({ status: 200, ok: true, json: async () => ({ expires_in: lifeS }) });
const refused = (status = 401) => ({ status, ok: false, json: async () => ({}) });

Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks: { request: (/** @type {string} */ _name, /** @type {() => unknown} */ work) => (held = held.then(work, work)) } } });
Object.assign(globalThis, {
  localStorage: { getItem: (/** @type {string} */ key) => stored.get(key) ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ value) => stored.set(key, value) },
  fetch: async (/** @type {string} */ path) => {
    asked.push(path);
    const answer = server(path);
    if (answer instanceof Error) throw answer;
    return answer;
  },
});
Date.now = () => now;

/** A page of its own. @returns {Promise<typeof import("../../dashboard/assets/js/session.js")>} */
const tab = () => import(`../../dashboard/assets/js/session.js?${tabs++}`);

beforeEach(() => {
  stored.clear();
  asked = [];
  server = () => renewed();
});

test("twelve tabs that want a renewal at once are one request", async () => {
  const pages = await Promise.all(Array.from({ length: 12 }, tab));
  const outcomes = await Promise.all(pages.flatMap((page) => [page.renew(), page.renew()]));
  assert.deepEqual(new Set(outcomes), new Set(["renewed"]));
  assert.deepEqual(asked, ["/auth/refresh"]);
  // The computer's clock was set back meanwhile.
  now -= 1000;
  await pages[3]?.renew();
  assert.equal(asked.length, 2);
});

test("a renewal is due after two thirds of a short life, and after ten minutes of a long one", async () => {
  const page = await tab();
  for (const [life, due] of [[9, 6_000], [900, 600_000], [86_400, 600_000]]) {
    server = () => renewed(life);
    now += 1;
    await page.renew();
    assert.equal(JSON.parse(stored.get("fenghuo.renewal") ?? "").due, now + due);
  }
});

test("a server that is away or in trouble says nothing about the login", async () => {
  const page = await tab();
  /** @type {boolean[]} */
  const told = [];
  page.onLogin((valid) => told.push(valid));
  server = () => new Error("no network");
  assert.equal(await page.renew(), "unreached");
  server = () => refused(503);
  assert.equal(await page.renew(), "unreached");
  assert.deepEqual(told, []);
  server = () => refused();
  assert.equal(await page.renew(), "refused");
  assert.deepEqual(told, [false]);
});

test("a request that found the login run out is made once more", async () => {
  const page = await tab();
  server = (path) => (path === "/auth/refresh" || asked.length > 2 ? renewed() : refused());
  assert.equal((await page.send("/api/v1/rooms")).status, 200);
  assert.deepEqual(asked, ["/api/v1/rooms", "/auth/refresh", "/api/v1/rooms"]);
  asked = [];
  now += 1;
  server = () => refused();
  assert.equal((await page.send("/api/v1/rooms")).status, 401);
  assert.deepEqual(asked, ["/api/v1/rooms", "/auth/refresh"]);
});
