// Who came to a consultation is counted by the expected sites, and in one way: on the wall, at the desk.

import assert from "node:assert/strict";
import { test } from "node:test";

import { attendance } from "../../dashboard/assets/js/attendance.js";
import { seats } from "../../dashboard/assets/js/wall/rooms.js";
import { Words } from "../../dashboard/assets/js/words.js";

const SINCE = 1_790_000_000_000;

/** @param {string} site @param {"present" | "missing"} state @param {string | null} [why] */
const call = (site, state, why = null) => ({ site, name: { zh: site, en: site }, state, since: SINCE, why });

/** @param {string} name @param {string | null} site @param {boolean} connected */
const presence = (name, site, connected) => ({ participant: name, name, site, role: "speaker", connected, since: SINCE });

/** @type {import("../../dashboard/assets/js/topics.js").Room} */
const room = {
  id: "room", title: "防汛会商", incident: null, open: true, since: SINCE, expected: ["a", "b", "c", "d"],
  rollcall: [call("a", "present"), call("b", "missing", "never_came"), call("c", "missing", "link_lost"), call("d", "missing", "left")],
  present: [presence("甲", "a", true), presence("甲二", "a", true), presence("丙", "c", false), presence("值班员", "bizhai", true), presence("王医生", null, true), presence("走了的", null, false)],
};

test("sites are the denominator, staff and guests stand beside, and who has gone is nobody's", () => {
  const { here, missing, beside } = attendance(room);
  assert.deepEqual(here.map(({ site }) => site), ["a"]);
  assert.deepEqual(missing.map(({ site }) => site), ["b", "c", "d"]);
  assert.deepEqual(beside.map(({ name }) => name), ["值班员", "王医生"]);
});

test("the wall shows missing sites first, then those that were cut off, and people after all sites", () => {
  const words = new Words("zh", {}, "Asia/Shanghai");
  const shown = seats(/** @type {any} */ ({ words }), room);
  assert.deepEqual(shown.map(({ site, state }) => [site, state]), [
    ["b", "missing"], ["d", "missing"], ["c", "broken"], ["a", "present"], ["值班员", "present"], ["王医生", "present"],
  ]);
  assert.deepEqual(shown[3]?.who, ["甲", "甲二"]);
});
