import assert from "node:assert/strict";
import test from "node:test";
import { suggestedLevel } from "../../dashboard/assets/js/desk/grading.js";
import { matchSites } from "../../dashboard/assets/js/desk/match.js";
import { parseMoment, typedMoment } from "../../dashboard/assets/js/desk/moment.js";
import { OUTBOX_LIMIT, Outbox } from "../../dashboard/assets/js/desk/outbox.js";
import { uuid7 } from "../../dashboard/assets/js/desk/uuid7.js";

const ZONE = "Asia/Shanghai";
const NOW = Date.UTC(2026, 7, 21, 6, 30); // 14:30 in Shanghai

/** @param {string} text */
const shown = (text) => {
  const at = parseMoment(text, NOW, ZONE);
  return at === null ? null : typedMoment(at, ZONE);
};

test("a clock time is today's, or yesterday's when today's is still to come", () => {
  assert.equal(shown("1420"), "2026-8-21 14:20");
  assert.equal(shown("14：20"), "2026-8-21 14:20");
  assert.equal(shown("9:05"), "2026-8-21 09:05");
  assert.equal(shown("2350"), "2026-8-20 23:50");
});

test("minutes ago, days and years are understood", () => {
  assert.equal(shown("-15"), "2026-8-21 14:15");
  assert.equal(shown("8-20 1420"), "2026-8-20 14:20");
  assert.equal(shown("8月20日 14:20"), "2026-8-20 14:20");
  assert.equal(shown("12-31 23:59"), "2025-12-31 23:59");
  assert.equal(shown("2024-2-29 00:00"), "2024-2-29 00:00");
});

test("what is no moment is none", () => {
  for (const text of ["abc", "2560", "14:61", "2-30 10:00", "2026-13-1 10:00", "2027-1-1 10:00", "14"]) assert.equal(shown(text), null, text);
});

test("a moment typed out is read back", () => {
  const at = Date.UTC(2026, 6, 1, 15, 59);
  assert.equal(parseMoment(typedMoment(at, ZONE), NOW, ZONE), at);
});

/** @type {any[]} */
const SITES = [
  { id: "zhongzhai", code: "530523203204", name: { zh: "中寨", en: "Zhongzhai" } },
  { id: "lishuping", code: "530523203201", name: { zh: "梨树坪社区", en: "Lishuping" } },
  { id: "bizhai", code: "530523203207", name: { zh: "碧寨", en: "Bizhai" } },
];
/** @param {string} typed */
const matched = (typed) => matchSites(SITES, typed).map((site) => site.id);

test("a site is found by a few letters of any of its names", () => {
  assert.deepEqual(matched("lsp"), ["lishuping"]);
  assert.deepEqual(matched("梨"), ["lishuping"]);
  assert.deepEqual(matched("寨"), ["zhongzhai", "bizhai"]);
  assert.deepEqual(matched("碧"), ["bizhai"]);
  assert.deepEqual(matched("530523203204"), ["zhongzhai"]);
  assert.deepEqual(matched("xyz"), []);
  assert.equal(matched("").length, 3);
});

test("the worst single figure decides the suggested level, and nothing counted suggests none", () => {
  const table = [{ level: 1, deaths: 30, injuries: 100, loss: 1e8 }, { level: 2, deaths: 10, injuries: 50, loss: 5e7 }, { level: 3, deaths: 3, injuries: 10, loss: 1e7 }];
  assert.equal(suggestedLevel(table, { deaths: 0, injuries: 0, loss: 0 }), null);
  assert.equal(suggestedLevel(table, { deaths: 1, injuries: 0, loss: 0 }), 4);
  assert.equal(suggestedLevel(table, { deaths: 1, injuries: 100, loss: 0 }), 1);
  assert.equal(suggestedLevel(table, { deaths: 9, injuries: 0, loss: 5e7 }), 2);
});

test("ids are UUIDv7, different, and sort by time", () => {
  assert.match(uuid7(), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(uuid7(1), uuid7(1));
  assert.ok(uuid7(1_764_000_000_000) < uuid7(1_764_000_000_001));
});

/** @param {(() => any)[]} answers */
function outbox(answers) {
  /** @type {Map<string, string>} */
  const kept = new Map();
  /** @type {any[]} */
  const asked = [];
  /** @type {any[]} */
  const sent = [];
  const store = { getItem: (/** @type {string} */ key) => kept.get(key) ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value) };
  const box = new Outbox(store, "k", async (body) => {
    asked.push(body);
    return (answers.shift() ?? (() => ({ ok: true, body })))();
  }, { changed: () => {}, sent: (state) => sent.push(state) });
  return { box, asked, sent, store };
}
const failed = (/** @type {number} */ status) => () => ({ ok: false, problem: { status, code: "x", title: "", params: {} } });
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what the server did not answer is sent again under the same id, and is then gone", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { box, asked, sent } = outbox([failed(0), failed(503)]);
  box.add("a", { title: "1" }, 0);
  await settled();
  assert.equal(box.entries()[0]?.waits, "server");
  for (const ms of [1000, 2000]) {
    t.mock.timers.tick(ms);
    await settled();
  }
  assert.deepEqual(asked.map((body) => body.id), ["a", "a", "a"]);
  assert.equal(sent.length, 1);
  assert.equal(box.entries().length, 0);
});

test("what the server refused waits for a person and holds up nothing else", async () => {
  const { box, sent } = outbox([failed(422)]);
  box.add("a", { title: "1" }, 0);
  box.add("b", { title: "2" }, 0);
  await settled();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(box.entries().map(({ id, refused }) => [id, refused?.status]), [["a", 422]]);
  assert.equal(sent.length, 1);
});

test("the outbox is bounded and says when it is full; a known id is no second entry", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { box } = outbox(Array.from({ length: 5 }, () => failed(0)));
  for (let count = 0; count < OUTBOX_LIMIT; count += 1) assert.equal(box.add(`id-${count}`, {}, 0), true);
  assert.equal(box.add("one more", {}, 0), false);
  assert.equal(box.add("id-3", {}, 0), true);
  assert.equal(box.entries().length, OUTBOX_LIMIT);
  await settled();
});

test("a broken store is an empty outbox, not a broken page", () => {
  const { box, store } = outbox([]);
  store.setItem("k", "{not json");
  assert.deepEqual(box.entries(), []);
});
