/** Consultation: who is in the room, who is missing and since when. */

import { attendance } from "../attendance.js";
import { h, put, write } from "../dom.js";
import { RowList, lengths } from "./list.js";
import { Panel, stamp } from "./tile.js";

/**
 * @typedef {import("./context.js").Moment} Moment
 * @typedef {import("../topics.js").Room} Room
 * @typedef {{site: string, name: string, state: "present" | "broken" | "missing", since: number | null, who: string[]}} Seat
 */

/** Why a site is missing that was here: its line is cut, or its screen sleeps. */
const CUT = new Set(["link_lost", "asleep"]);

/** @param {import("../model.js").Model} model open rooms: those that expect or hold somebody before empty ones, then the newest first */
export function openRooms(model) {
  return Object.values(model.topics.rooms).filter(({ open }) => open).sort((a, b) => Number(isEmpty(a)) - Number(isEmpty(b)) || b.since - a.since);
}

/** @param {Room} room */
function isEmpty(room) {
  return room.expected.length === 0 && room.present.length === 0;
}

/**
 * The seats of a room: the expected sites, missing ones first, then whoever else is here, who is not counted.
 *
 * @param {Moment} moment
 * @param {Room} room
 * @returns {Seat[]}
 */
export function seats({ words }, room) {
  const { here, missing, beside } = attendance(room);
  /** @param {import("../topics.js").RollCall} call @param {Seat["state"]} state @returns {Seat} */
  const seat = ({ site, name, since }, state) => ({
    site, name: words.name(name) || site, state, since, who: room.present.filter((one) => one.connected && one.site === site).map((one) => one.name),
  });
  const cut = missing.filter(({ why }) => why !== null && CUT.has(why));
  const absent = missing.filter((call) => !cut.includes(call));
  return [
    ...absent.map((call) => seat(call, "missing")),
    ...cut.map((call) => seat(call, "broken")),
    ...here.map((call) => seat(call, "present")),
    ...beside.map(({ participant, name, since }) => /** @type {Seat} */ ({ site: participant, name, state: "present", since, who: [] })),
  ];
}

export class RoomPanel {
  /** @type {Moment | null} */
  #moment = null;

  /**
   * @param {HTMLElement} box
   * @param {import("../words.js").Words} words
   * @param {{tile: string, columns: number, rank: number, long: boolean}} options rank: 0 is the newest open room
   */
  constructor(box, words, options) {
    this.options = options;
    this.panel = new Panel(options.tile, words.t("rooms.title"), options.long ? ".panel-room.long" : ".panel-room");
    this.count = h("div.room-count", {}, h("span.value"), h("span.of"));
    this.what = h("span.room-title");
    this.seats = h("div.seats");
    this.panel.body.append(h("div.room-head", {}, this.count, this.what), this.seats);
    box.append(this.panel.node);
    this.list = new RowList(this.seats, () => this.#seat(), { paged: true, columns: options.columns });
  }

  /** @param {Moment} moment */
  draw(moment) {
    this.#moment = moment;
    const { words, model, now, link, heardAt } = moment;
    const room = openRooms(model)[this.options.rank];
    put(this.panel.node, "data-room", room?.id);
    if (room === undefined) {
      this.panel.show(words, { value: 0, at: heardAt, state: link, now });
      write(this.panel.note, "");
      this.panel.sayEmpty(words.t("rooms.empty"));
      if (this.options.rank > 0) put(this.panel.node, "hidden", true);
      return;
    }
    put(this.panel.node, "hidden", null);
    this.panel.sayEmpty(null);
    const list = seats(moment, room);
    const { here, missing, beside } = attendance(room);
    const asked = room.expected.length > 0;
    // A room that expects nobody counts people.
    const counted = asked ? here.length : beside.length;
    this.panel.show(words, { value: counted, at: heardAt, state: link, now });
    write(/** @type {Node} */ (this.count.firstChild), String(counted));
    write(/** @type {Node} */ (this.count.lastChild), asked ? `/${room.expected.length}` : words.t("rooms.people"));
    write(this.what, room.title);
    const sites = missing.length > 0 ? words.t("rooms.absent", { n: missing.length }) : words.t("rooms.complete");
    const others = asked && beside.length > 0 ? words.t("rooms.beside", { n: beside.length }) : "";
    write(this.panel.note, list.length === 0 ? words.t("rooms.nobody") : asked ? [sites, others].filter(Boolean).join(" · ") : "");
    this.list.show(list.map((seat) => [seat.site, seat]), moment.clock, missing.length);
  }

  #seat() {
    const shape = h("span.seat-shape", { "aria-hidden": "true" });
    const name = h("span.seat-name");
    const since = h("span.seat-since");
    const who = h("span.seat-who");
    const node = h("div.row.line.seat", {}, shape, name, ...(this.options.long ? [who] : []), since);
    /** @param {Seat} seat */
    const show = (seat) => {
      const moment = this.#moment;
      if (moment === null) return;
      const { words, now, link } = moment;
      put(node, "data-presence", seat.state);
      stamp(node, { value: seat.state, at: seat.since, state: link });
      write(name, seat.name);
      write(who, seat.who.join(words.t("and")) || "");
      const ms = now === null || seat.since === null ? 0 : now - seat.since;
      // Beside many others the shape says "missing", and the panel's head how many: the name needs the room.
      const short = seat.state === "present" ? "" : seat.state === "missing" ? words.span(ms) : words.t("rooms.broken", { span: words.span(ms) });
      write(since, this.options.long ? words.t(`rooms.${seat.state}`, { span: words.span(ms) }) : short);
      return lengths(name, who, since);
    };
    return { node, show };
  }
}
