import assert from "node:assert/strict";
import test from "node:test";
import { suggestedLevel } from "../../dashboard/assets/js/desk/grading.js";
import { matchSites, sitesNamed } from "../../dashboard/assets/js/desk/match.js";
import { OUTBOX_LIMIT, Outbox } from "../../dashboard/assets/js/desk/outbox.js";
import { firstFigures, parseFigure, parseToll, typedFigure } from "../../dashboard/assets/js/desk/toll.js";
import { uuid7 } from "../../dashboard/assets/js/desk/uuid7.js";
import { bodyOf, differences } from "../../dashboard/assets/js/desk/versions.js";
import { Model } from "../../dashboard/assets/js/model.js";
import { ZoneTimes, parseDeadline, parsePast, typedMoment } from "../../dashboard/assets/js/zone.js";

const ZONE = "Asia/Shanghai";
const NOW = Date.UTC(2026, 7, 21, 6, 30); // 14:30 in Shanghai

/** @param {string} text */
const shown = (text) => {
  const at = parsePast(text, NOW, ZONE);
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
  assert.equal(parsePast(typedMoment(at, ZONE), NOW, ZONE), at);
});

/** @param {string} text */
const until = (text) => {
  const at = parseDeadline(text, NOW, ZONE);
  return at === null ? null : typedMoment(at, ZONE);
};

test("a deadline lies ahead: in so many minutes, at the next such hour, on a day to come", () => {
  assert.equal(until("+60"), "2026-8-21 15:30");
  assert.equal(until("1500"), "2026-8-21 15:00");
  assert.equal(until("08:00"), "2026-8-22 08:00");
  assert.equal(until("明天 8:00"), "2026-8-22 08:00");
  assert.equal(until("tomorrow 0800"), "2026-8-22 08:00");
  assert.equal(until("9-1 0800"), "2026-9-1 08:00");
  assert.equal(until("1月5日 08:00"), "2027-1-5 08:00");
});

test("a deadline that has passed is a slip, not one of next year", () => {
  for (const text of ["-15", "+0", "8-21 14:20", "今天 1420", "昨天 1420", "2026-8-20 08:00", "someday 08:00", ""]) assert.equal(until(text), null, text);
});

test("an event is not to come", () => {
  assert.equal(shown("+5"), null);
  assert.equal(shown("明天 1420"), null);
  assert.equal(shown("昨天 1420"), "2026-8-20 14:20");
});

test("a moment is shown in the zone that the server names, and with its year when it is far away", () => {
  const times = new ZoneTimes("zh", ZONE);
  const eight = Date.UTC(2026, 7, 22, 0, 0);
  assert.equal(times.minute(eight), "08:00");
  assert.equal(times.stamp(eight, NOW), "8月22日 08:00");
  assert.equal(times.stamp(Date.UTC(2025, 11, 31, 15, 59), NOW), "2025年12月31日 23:59");
  assert.equal(times.moment(eight, NOW - 86_400_000), "8/22 08:00");
  assert.equal(new ZoneTimes("en", "Asia/Kolkata").time(eight), "05:30:00");
});

test("a clock time is found on the days when summer time begins and ends", () => {
  const berlin = "Europe/Berlin";
  const now = Date.UTC(2026, 2, 29, 12, 0); // 14:00 on the day that lost an hour
  assert.equal(parseDeadline("tomorrow 08:00", now, berlin), Date.UTC(2026, 2, 30, 6, 0));
  assert.equal(parsePast("yesterday 08:00", now, berlin), Date.UTC(2026, 2, 28, 7, 0));
  assert.equal(parsePast("8:00", now, berlin), Date.UTC(2026, 2, 29, 6, 0));
});

/** @type {any[]} */
const SITES = [
  { id: "bizhai-xiang", kind: "township", code: "530523203", name: { zh: "碧寨乡应急指挥室", en: "Township command room" } },
  { id: "zhongzhai", kind: "village", code: "530523203204", name: { zh: "中寨", en: "Zhongzhai" } },
  { id: "lishuping", kind: "village", code: "530523203201", name: { zh: "梨树坪社区", en: "Lishuping" } },
  { id: "bizhai", kind: "village", code: "530523203207", name: { zh: "碧寨", en: "Bizhai" } },
  { id: "yangmeitian", kind: "village", code: "530523203203", name: { zh: "杨梅田", en: "Yangmeitian" } },
];
/** @param {string} typed */
const matched = (typed) => matchSites(SITES, typed).map((site) => site.id);

test("a site is found by a few letters of any of its names", () => {
  assert.deepEqual(matched("lsp"), ["lishuping"]);
  assert.deepEqual(matched("lshp"), ["lishuping"]);
  assert.deepEqual(matched("ymt"), ["yangmeitian"]);
  assert.deepEqual(matched("梨"), ["lishuping"]);
  assert.deepEqual(matched("寨"), ["zhongzhai", "bizhai", "bizhai-xiang"]);
  assert.deepEqual(matched("530523203204"), ["zhongzhai"]);
  assert.deepEqual(matched("xyz"), []);
  assert.equal(matched("").length, SITES.length);
});

test("villages come first, and exact names and initials before everything else", () => {
  assert.equal(matched("bz")[0], "bizhai");
  assert.deepEqual(matched("碧"), ["bizhai", "bizhai-xiang"]);
  assert.equal(matched("碧寨村")[0], "bizhai");
  assert.equal(matched("梨树坪村")[0], "lishuping");
  assert.equal(matched("碧寨乡")[0], "bizhai-xiang");
  assert.equal(matched("")[4], "bizhai-xiang");
});

test("the villages that a title names are found, the township in whose name one stands is none", () => {
  const named = (/** @type {string} */ text) => sitesNamed(SITES, text).map((site) => site.id);
  assert.deepEqual(named("碧寨村三组后山滑坡"), ["bizhai"]);
  assert.deepEqual(named("碧寨乡政府停电"), []);
  assert.deepEqual(named("梨树坪到中寨的公路塌方").sort(), ["lishuping", "zhongzhai"]);
  assert.deepEqual(named("Landslide behind Bizhai village"), ["bizhai"]);
  assert.deepEqual(named("乡道客货车相撞"), []);
});

test("the worst single figure decides the suggested level, and nothing counted suggests none", () => {
  const table = [{ level: 1, deaths: 30, injuries: 100, loss: 1e8 }, { level: 2, deaths: 10, injuries: 50, loss: 5e7 }, { level: 3, deaths: 3, injuries: 10, loss: 1e7 }];
  assert.equal(suggestedLevel(table, { deaths: 0, injuries: 0, loss: 0 }), null);
  assert.equal(suggestedLevel(table, { deaths: 1, injuries: 0, loss: 0 }), 4);
  assert.equal(suggestedLevel(table, { deaths: 1, injuries: 100, loss: 0 }), 1);
  assert.equal(suggestedLevel(table, { deaths: 9, injuries: 0, loss: 5e7 }), 2);
});

test("figures are whole numbers of people and a loss in 万元, in any form of digits; anything else is none", () => {
  assert.deepEqual(["", "3", "３", " 12 ", "0"].map((text) => parseFigure("deaths", text)), [null, 3, 3, 12, 0]);
  assert.deepEqual(["1.5", "-1", "一", "1e3", "3,", "99999999"].map((text) => parseFigure("deaths", text)), Array(6).fill(undefined));
  assert.deepEqual(["1.5", "0.0001", "１２"].map((text) => parseFigure("loss", text)), [15_000, 1, 120_000]);
  assert.equal(typedFigure("loss", 15_000), "1.5");
  assert.deepEqual(parseToll({ deaths: "1", injuries: "x", loss: "" }), { wrong: "injuries" });
});

test("a figure above zero is a first one only where none or zero was known", () => {
  const none = { deaths: null, injuries: null, loss: null };
  assert.deepEqual(firstFigures(none, { deaths: 3, injuries: 0, loss: null }), ["deaths"]);
  assert.deepEqual(firstFigures({ ...none, deaths: 3, injuries: 0 }, { deaths: 4, injuries: 1, loss: 5 }), ["injuries", "loss"]);
});

test("three versions of an incident differ field by field, and what is sent changes only what was chosen", () => {
  /** @type {any} */
  const seen = { level: 4, deaths: null, injuries: null, loss: null, status: "open", version: 1 };
  const theirs = { ...seen, deaths: 4, loss: 5, version: 2 };
  const differing = differences(seen, { deaths: 2, injuries: 7, loss: null }, theirs);
  assert.deepEqual(differing.map(({ field, mine, theirs: now, clash }) => [field, mine, now, clash]), [["deaths", 2, 4, true], ["injuries", 7, null, false], ["loss", null, 5, false]]);
  assert.deepEqual(bodyOf(theirs, { injuries: 7 }), { toll: { deaths: 4, injuries: 7, loss: 5 }, version: 2 });
  assert.deepEqual(bodyOf(theirs, { level: 1, status: "closed" }), { level: 1, status: "closed", version: 2 });
  assert.equal(bodyOf(theirs, { deaths: 4 }), null);
});

test("a topic's revision grows with its own changes only", () => {
  const model = new Model();
  model.replace({ incidents: {}, tasks: {}, rooms: {} });
  const [tasks, incidents] = [model.revision("tasks"), model.revision("incidents")];
  model.tick(/** @type {any} */ ({ now: 1, readings: {}, system: { ingest: { rate: 40 } } }));
  model.apply(/** @type {any} */ ({ id: 1, at: 1, kind: "incident.opened", topic: "incidents", subject: "a", state: { id: "a", level: 4, status: "open" } }));
  assert.equal(model.revision("tasks"), tasks);
  assert.ok(model.revision("incidents") > incidents);
  assert.ok(model.revision("tasks", "incidents") > tasks + incidents);
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
