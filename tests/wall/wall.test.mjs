// The wall's rules, without a page: states, risk, trends, rotation, pages, sizes.
import assert from "node:assert/strict";
import { test } from "node:test";

import { amountState, linkState, readingState, shiftState, span } from "../../dashboard/assets/js/staleness.js";
import { Model } from "../../dashboard/assets/js/model.js";
import { pageOf } from "../../dashboard/assets/js/wall/paging.js";
import { fit, overlap, placeLabels } from "../../dashboard/assets/js/wall/projection.js";
import { alarmText } from "../../dashboard/assets/js/wall/alarmline.js";
import { pageAt, pagesOf, timeOf } from "../../dashboard/assets/js/wall/arrangement.js";
import { isAlarm, judge, nextMark, trend } from "../../dashboard/assets/js/wall/risk.js";
import { Rotation } from "../../dashboard/assets/js/wall/rotation.js";
import { allSilent, troubleOf, troubleText } from "../../dashboard/assets/js/trouble.js";
import { textSize } from "../../dashboard/assets/js/wall/screen.js";
import { meaning, sense } from "../../dashboard/assets/js/wall/sensors.js";
import { Words } from "../../dashboard/assets/js/words.js";

const HOUR = 3_600_000;

/** @param {Partial<import("../../dashboard/assets/js/topics.js").Sensor>} facts @returns {import("../../dashboard/assets/js/topics.js").Sensor} */
function gauge(facts) {
  const name = { zh: "站", en: "station" };
  return {
    id: "r1.stage", station: { id: "r1", name, kind: "river", site: "v1", lat: null, lon: null }, quantity: "stage", name, unit: "m", decimals: 2, normal: null,
    marks: [{ kind: "alert", value: 10, name }, { kind: "guarantee", value: 12, name }], period_s: 60, source: name, at: 0, value: 8, quality: 0, recent: [], ...facts,
  };
}

/** @param {number} id @param {number} level @returns {import("../../dashboard/assets/js/topics.js").JournalEvent} */
function incidentEvent(id, level) {
  const state = { id: "i1", number: "2026-001", title: "山洪", class: "natural", level, status: "open", site: null, place: "", lat: null, lon: null, at: 0, opened_at: 0, by: "" };
  return { id, at: 0, kind: "incident.raised", topic: "incidents", subject: "i1", site: null, actor: "", summary: { zh: "", en: "" }, state };
}

test("a reading is fresh, late, then lost, by its own period", () => {
  assert.equal(readingState(152_000, 0, 60), "fresh");
  assert.equal(readingState(152_001, 0, 60), "late");
  assert.equal(readingState(610_001, 0, 60), "lost");
  assert.equal(readingState(1, null, 60), "lost");
  assert.deepEqual([3500, 3501, 30_001].map(linkState), ["fresh", "late", "lost"]);
});

test("an amount is late when nobody confirmed it for long, and lost only with the link", () => {
  assert.equal(amountState("fresh", 24 * HOUR, 0, 24), "fresh");
  assert.equal(amountState("fresh", 24 * HOUR + 1, 0, 24), "late");
  assert.equal(amountState("fresh", 9000 * HOUR, 0, 24), "late");
  assert.equal(amountState("lost", 1, 0, 24), "lost");
});

test("a shift that was not handed over is late", () => {
  assert.deepEqual([99, 101].map((now) => shiftState("fresh", now, 100)), ["fresh", "late"]);
  assert.equal(shiftState("lost", 99, 100), "lost");
});

/** @param {string} database @param {Partial<import("../../dashboard/assets/js/topics.js").Part>} ingest @returns {any} */
const system = (database, ingest = {}) => ({ database, ingest: { state: "ok", reason: "", ...ingest } });

test("a full disk is told once, with how long and what to do", () => {
  assert.equal(troubleOf(system("ok")), null);
  assert.deepEqual(troubleOf(system("full", { state: "stopped", reason: "disk_full", since: 5 })), { code: "disk_full", since: 5 });
  assert.deepEqual(troubleOf(system("full")), { code: "disk_full", since: null });
  assert.equal(troubleOf(system("removed"))?.code, "database_removed");
  assert.deepEqual(troubleOf(system("ok", { state: "stopped", reason: "no_broker", since: 5 })), { code: "no_broker", since: 5 });
  assert.equal(troubleOf(system("ok", { state: "stopped", reason: "new_reason" }))?.code, "other");
  const words = new Words("zh", { "wall.trouble.since": "（{span}）", "wall.trouble.disk_full": "磁盘已满{since}：清理。", "wall.span.s": "{n} 秒" }, "Asia/Shanghai");
  assert.equal(troubleText(words, system("full", { state: "stopped", reason: "disk_full", since: 0 }), 9_000), "磁盘已满（9 秒）：清理。");
});

test("readings that come late are told with how late they are", () => {
  const late = system("ok", { state: "behind", lag_s: 180 });
  assert.deepEqual(troubleOf(late), { code: "behind", since: null, lagS: 180 });
  const words = new Words("zh", { "wall.trouble.since": "（{span}）", "wall.trouble.behind": "延迟{since}。", "wall.span.min": "{n} 分钟" }, "Asia/Shanghai");
  assert.equal(troubleText(words, late, 9_000), "延迟（3 分钟）。");
});

test("when all sensors fall silent at once it is told as one cause", () => {
  const gauges = [1, 2, 3].map((number) => ({ ...gauge({}), id: `g${number}`, at: 1_000_000 + number, period_s: 1 }));
  const rare = { ...gauge({}), id: "rare", at: 900_000, period_s: 3600 };
  const never = { ...gauge({}), id: "never", at: null, period_s: 1 };
  const all = [...gauges, rare, never];
  assert.equal(allSilent(all, 1_060_000), null, "not a minute yet");
  assert.deepEqual(allSilent(all, 1_060_003), { count: 3, since: 1_000_003 });
  assert.equal(allSilent([...all, { ...gauge({}), at: 1_050_000, period_s: 1 }], 1_060_003), null, "one still reports: the gateway lives");
  assert.equal(allSilent(gauges.slice(0, 2), 1_060_003), null);
  const words = new Words("zh", { "wall.trouble.silent": "{count} 个全部 {span} 无数据", "wall.span.min": "{n} 分钟" }, "Asia/Shanghai");
  assert.equal(troubleText(words, system("ok"), 1_060_003, all), "3 个全部 1 分钟 无数据");
});

test("when no reading can arrive, nobody is sent to a station that may be well", () => {
  const words = new Words("zh", { "wall.act.missing": "派人", "wall.act.stopped": "停止" }, "Asia/Shanghai");
  const model = new Model();
  model.replace({ readings: { a: gauge({}) }, system: system("full", { state: "stopped", reason: "disk_full" }) });
  const [stopped] = sense(model, 10 * HOUR, "fresh");
  assert.ok(stopped);
  assert.deepEqual([stopped.state, meaning(words, stopped).text], ["lost", "停止"]);
  assert.ok(stopped.judgement.missing);
  assert.equal(meaning(words, { ...stopped, stopped: false }).text, "派人");
});

test("ages are told in the unit that suits them", () => {
  assert.deepEqual([59_999, 60_000, 7_200_000, 3 * 86_400_000].map((ms) => Object.values(span(ms))), [[59, "s"], [1, "min"], [2, "h"], [3, "d"]]);
});

test("a dead gauge stands before those that are well, and what it said last counts on", () => {
  const dead = judge(gauge({}), "lost");
  assert.deepEqual([dead.sign, dead.missing, isAlarm(dead)], ["missing", true, false]);
  assert.ok(dead.rank < judge(gauge({}), "fresh").rank);
  for (const value of [10.5, 12.5]) {
    const alive = judge(gauge({ value }), "fresh");
    const silent = judge(gauge({ value }), "lost");
    assert.equal(silent.sign, alive.sign);
    assert.ok(silent.missing && silent.rank < alive.rank);
  }
});

test("the highest mark that was passed counts, and it is no level", () => {
  const { sign, over } = judge(gauge({ value: 12.5 }), "fresh");
  assert.deepEqual([sign, over], ["guarantee", 0.5]);
  assert.equal(judge(gauge({ value: 10.5 }), "fresh").sign, "alert");
  assert.equal(judge(gauge({ marks: [], normal: [0, 7] }), "fresh").sign, "range");
});

test("a number that no column can hold is named so, whole, and passes no mark", () => {
  const words = new Words("zh", { "wall.out_of_range": "超出量程" }, "Asia/Shanghai");
  for (const value of [1e300, -1e300, Infinity, 123456789012.345]) {
    assert.equal(words.number(value, 2), "超出量程");
    assert.equal(judge(gauge({ value }), "fresh").sign, "range");
  }
  assert.deepEqual([words.number(842.1, 2), words.number(-123456.789, 6), words.number(999999.4, 3), words.number(null, 1)], ["842.10", "−123457", "999999.4", "—"]);
});

test("what is wrong is said in one line, the worst named as far as there is room", () => {
  const words = new Words("zh", { "wall.sign.guarantee": "超保", "wall.sign.missing": "缺测", "wall.alarms.count": "{sign} {n} 站", "wall.alarms.all": "{count}：{names}", "wall.alarms.some": "{count}：{names}等",
    "wall.alarms.then": "；", "wall.and": "、" }, "Asia/Shanghai");
  const model = new Model();
  const station = (/** @type {string} */ zh) => ({ ...gauge({}).station, name: { zh, en: zh } });
  model.replace({ readings: { a: gauge({ value: 13, at: HOUR, station: station("碧寨站") }), b: gauge({ value: 13, at: HOUR, station: station("半坡沟站") }), c: gauge({ station: station("梨树沟站") }) } });
  const sensed = sense(model, HOUR, "fresh");
  assert.equal(alarmText(words, sensed, 99), "超保 2 站：碧寨站、半坡沟站；缺测 1 站");
  assert.equal(alarmText(words, sensed, 17), "超保 2 站：碧寨站等；缺测 1 站");
  assert.equal(alarmText(words, sensed, 5), "超保 2 站；缺测 1 站");
});

test("far seats see fewer panels at once, and each page is long enough to be read", () => {
  assert.equal(pagesOf("full", "overview").length, 0);
  assert.ok(pagesOf("medium", "overview").every((page) => page.includes("incidents-open") && page.includes("rivers")));
  assert.ok(pagesOf("far", "sensors").length > pagesOf("medium", "sensors").length);
  assert.equal(timeOf("full", "sensors", 25_000), 25_000);
  assert.equal(timeOf("far", "sensors", 25_000), 60_000);
  assert.equal(timeOf("far", "sensors", 0), 0);
  assert.deepEqual([0, 0.5, 1].map((share) => pageAt(2, share, 0, false)), [0, 1, 1]);
  assert.deepEqual([0, 12_000, 24_000].map((clock) => pageAt(2, 0, clock, true)), [0, 1, 0]);
});

test("a rising river says when it reaches the next mark", () => {
  const recent = /** @type {[number, number][]} */ (Array.from({ length: 10 }, (_, index) => [index * 60_000, 8 + index * 0.02]));
  const sensor = gauge({ recent, value: 8.18 });
  const going = trend(recent, 2);
  assert.equal(going.direction, 1);
  assert.ok(Math.abs(going.perHour - 1.2) < 1e-6);
  assert.ok(Math.abs((nextMark(sensor, going)?.inMs ?? 0) - (1.82 / 1.2) * HOUR) < 1000);
  assert.equal(trend([[0, 8], [1, 8.01], [2, 8]], 2).direction, 0);
});

test("scenes follow each other, and an incident holds the screen for its time", () => {
  const rotation = new Rotation(["overview", "sensors"], { sceneMs: 10, holdMs: 30 }, 0);
  assert.equal(rotation.at(9).scene, "overview");
  assert.equal(rotation.at(10).scene, "sensors");
  rotation.promote("incident", 12);
  assert.deepEqual(rotation.at(41), { scene: "incident", share: 29 / 30, held: true });
  assert.equal(rotation.at(42).scene, "sensors");
  rotation.scenes = ["overview"];
  assert.equal(rotation.at(43).scene, "overview");
});

test("an incident of level Ⅱ or worse is promoted when it is opened or raised, not when it is lowered", () => {
  const model = new Model();
  model.replace({ incidents: {} });
  assert.equal(model.apply(incidentEvent(1, 3)), null);
  assert.equal(model.apply(incidentEvent(2, 2))?.level, 2);
  assert.equal(model.apply(incidentEvent(3, 1))?.level, 1);
  assert.equal(model.apply(incidentEvent(4, 2)), null);
});

test("late and repeated readings go to their minute, and the newest stays the value", () => {
  const model = new Model();
  model.replace({ readings: { a: gauge({ at: 60_000, recent: [[60_000, 1]] }) } });
  model.tick({ now: 0, readings: { a: [[119_000, 1.4, 0], [119_000, 1.5, 0], [120_000, 2, 0], [120_500, 2.5, 0], [180_000, 3, 0]] }, system: /** @type {any} */ ({}) });
  const sensor = model.topics.readings["a"];
  assert.equal(sensor?.value, 3);
  assert.deepEqual(sensor?.recent, [[119_000, 1.5], [120_500, 2.5], [180_000, 3]]);
});

test("a sensor whose clock ran ahead and was put right is followed at once", () => {
  const model = new Model();
  model.replace({ readings: { a: gauge({ at: 240_000, value: 9, recent: [[240_000, 9]] }) } });
  model.tick({ now: 0, readings: { a: [[180_000, 3, 0]] }, system: /** @type {any} */ ({}) });
  assert.deepEqual([model.topics.readings["a"]?.at, model.topics.readings["a"]?.value], [180_000, 3]);
});

test("a reading of an unknown sensor asks for a new snapshot", () => {
  const model = new Model();
  assert.equal(model.tick({ now: 0, system: /** @type {any} */ ({}), readings: { b: [[1, 1, 0]] } }), true);
});

test("memory of a sensor's past is bounded", () => {
  const model = new Model();
  model.replace({ readings: { a: gauge({ recent: [] }) } });
  for (let minute = 0; minute < 500; minute += 1) model.tick({ now: 0, readings: { a: [[minute * 60_000, minute, 0]] }, system: /** @type {any} */ ({}) });
  assert.equal(model.topics.readings["a"]?.recent.length, 120);
});

const even = (/** @type {number} */ count) => Array.from({ length: count }, () => 10);

test("an alarm's rows stay in sight while the others come round", () => {
  assert.deepEqual(pageOf(even(10), 40, 1, 0), { kept: 1, from: 1, to: 4, page: 1, pages: 3 });
  assert.deepEqual(pageOf(even(10), 40, 1, 2), { kept: 1, from: 7, to: 10, page: 3, pages: 3 });
  assert.deepEqual(pageOf(even(3), 80, 1, 5), { kept: 0, from: 0, to: 3, page: 1, pages: 1 });
});

test("more alarms than there is room: the worst stay, the other alarms come round, and nothing else", () => {
  for (const turn of [0, 1, 2, 3, 4, 5]) {
    const { kept, from, to } = pageOf(even(20), 40, 8, turn);
    assert.equal(kept, 2);
    assert.ok(from >= 2 && to <= 8 && to - from === 2);
  }
});

test("rows of two lines take the room of two, and one row is shown in the smallest box", () => {
  assert.deepEqual(pageOf([10, 20, 10, 10], 30, 0, 0), { kept: 0, from: 0, to: 2, page: 1, pages: 2 });
  assert.deepEqual(pageOf([10, 20, 10, 10], 30, 0, 1), { kept: 0, from: 2, to: 4, page: 2, pages: 2 });
  assert.deepEqual(pageOf([10, 10], 5, 0, 0), { kept: 0, from: 0, to: 1, page: 1, pages: 2 });
});

test("the type size follows the distance of the seats", () => {
  // Shares of the diagonal of 55 inches at 3.5 m, 20 and 16 minutes of arc.
  const size = textSize({ target: 0.014575, least: 0.01166 }, 1920, 1080);
  assert.ok(Math.abs(size.root - 32.1) < 0.1);
  assert.equal(size.density, "full");
  // 5 m and 8 m: no text below 16 minutes, which leaves room for less.
  const medium = textSize({ target: 0.020821, least: 0.016657 }, 1920, 1080);
  assert.deepEqual([medium.density, Math.round(medium.least)], ["medium", 37]);
  const far = textSize({ target: 0.033313, least: 0.02665 }, 1920, 1080);
  assert.deepEqual([far.density, Math.round(far.least)], ["far", 59]);
});

test("the map keeps its points inside", () => {
  const project = fit([[98, 24], [99, 25]], 400, 300, 20);
  for (const [lon, lat] of /** @type {[number, number][]} */ ([[98, 24], [99, 25]])) {
    const [x, y] = project(lon, lat);
    assert.ok(x >= 19 && x <= 381 && y >= 19 && y <= 281);
  }
});

/** @param {number} x @param {number} y @param {string[]} texts */
const label = (x, y, ...texts) => ({ x, y, gap: 8, size: 10, texts });
/** @param {number} x @param {number} y */
const dot = (x, y) => ({ x: x - 4, y: y - 4, w: 8, h: 8 });

test("labels lie neither on each other nor on symbols, and the least important is hidden", () => {
  const bounds = { width: 120, height: 60 };
  const labels = [label(60, 30, "洪"), label(30, 30, "碧寨"), label(90, 30, "摆达"), label(60, 10, "天宁"), label(60, 50, "中寨社区居民委员会办公室")];
  const symbols = labels.map(({ x, y }) => dot(x, y));
  const spots = placeLabels(labels, symbols, bounds, 1);
  const boxes = spots.flatMap((spot) => (spot === null ? [] : [spot.box]));
  boxes.forEach((box, index) => {
    assert.ok(![...symbols, ...boxes.slice(index + 1)].some((other) => overlap(box, other)));
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.w <= bounds.width && box.y + box.h <= bounds.height);
  });
  assert.equal(spots[4], null);
});

test("an incident's label stands where the villages keep theirs", () => {
  // To the right of the incident is the only place for the village's name.
  const symbols = [dot(20, 30), dot(70, 30)];
  const spots = placeLabels([label(20, 30, "塌方塌方"), label(70, 30, "碧寨")], symbols, { width: 80, height: 60 }, 1);
  assert.ok(spots[0] && spots[1] && !overlap(spots[0].box, spots[1].box));
});

test("an incident is named more briefly, or on symbols, before it is not named at all", () => {
  const brief = placeLabels([label(30, 8, "山洪冲毁便桥", "山洪…")], [dot(30, 8)], { width: 74, height: 16 }, 1);
  assert.equal(brief[0]?.text, "山洪…");
  const crowded = placeLabels([label(30, 8, "山洪")], [dot(30, 8), { x: 0, y: 0, w: 74, h: 16 }], { width: 74, height: 16 }, 1);
  assert.ok(crowded[0] && !overlap(crowded[0].box, dot(30, 8)));
  assert.equal(placeLabels([label(30, 8, "山洪")], [{ x: 0, y: 0, w: 74, h: 16 }], { width: 74, height: 16 }, 1)[0], null);
  assert.equal(placeLabels([label(30, 8, "山洪")], [{ x: 0, y: 0, w: 74, h: 16 }], { width: 74, height: 16 }, 0)[0], null);
});

test("a snapshot tells which grave incidents are new to the page", () => {
  const model = new Model();
  const { state } = incidentEvent(1, 1);
  assert.equal(model.replace({ incidents: { i1: state } }).length, 1);
  assert.equal(model.replace({ incidents: { i1: state } }).length, 0);
  assert.equal(model.replace({ incidents: { i1: state, i2: { ...state, id: "i2" } } }).length, 1);
});

test("a topic of which no snapshot came is only in the journal", () => {
  const model = new Model();
  model.replace({ incidents: {} });
  model.apply({ id: 1, at: 1, kind: "task.acknowledged", topic: "tasks", subject: "t1", site: null, actor: "", summary: { zh: "", en: "" }, state: { id: "t1", status: "acknowledged" } });
  assert.deepEqual(model.topics.tasks, {});
  assert.equal(model.topics.journal.length, 1);
});

test("a task that is done leaves", () => {
  const model = new Model();
  model.replace({ tasks: { t1: { id: "t1", status: "ordered" } } });
  model.apply({ id: 1, at: 1, kind: "task.done", topic: "tasks", subject: "t1", site: null, actor: "", summary: { zh: "", en: "" }, state: { id: "t1", status: "done" } });
  assert.deepEqual(model.topics.tasks, {});
});
