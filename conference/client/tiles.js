/** The pictures: one tile for each who can be seen, placed by the chosen layout; tells which picture is wanted how high. */

import { LAYOUTS, largeOf, place } from "./layouts.js";
import { setText } from "./draw.js";
import { markOf, ownMarkOf, ratesOf } from "./quality.js";
import { assign, keyOf } from "./slots.js";
import { config, t } from "./text.js";
import { Tile } from "./tile.js";

/** @typedef {import("./wire.js").Participant} Participant */
/** @typedef {import("./wire.js").Wanted} Wanted */
/** @typedef {import("./wire.js").Shown} Shown */
/** @typedef {import("./slots.js").PictureKind} PictureKind */
/** @typedef {import("./layouts.js").Layout} Layout */

const TILES_MAX = 16;
/** What is wanted is told at once, and what changes right after it together after this time. */
const GATHER_MS = 150;
/** Who speaks becomes large after this long, so that a cough moves nothing. */
const SPEAKER_HOLD_MS = 1500;
const KEEP = "fenghuo-room-layout";

export class Tiles {
  /**
   * @param {HTMLElement} area
   * @param {(wanted: Wanted[]) => void} want
   */
  constructor(area, want) {
    this.area = area;
    this.want = want;
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
    /** @type {Map<string, string>} */
    this.slots = new Map();
    /** @type {Map<string, MediaStreamTrack>} */
    this.tracks = new Map();
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** @type {Participant[]} */
    this.people = [];
    /** @type {Set<string>} */
    this.speaking = new Set();
    /** @type {string | null} the participant who has the floor */
    this.floor = null;
    /** @type {{camera: MediaStreamTrack | null, screen: MediaStreamTrack | null}} */
    this.own = { camera: null, screen: null };
    /** @type {Layout} */
    this.layout = LAYOUTS.find((one) => one === localStorage.getItem(KEEP)) ?? "grid";
    /** @type {{key: string, since: number} | null} who has begun to speak */
    this.starting = null;
    /** @type {string | null} who spoke last, long enough */
    this.spoke = null;
    /** The step of one's line. */
    this.step = "full";
    /** Whether it bears that one's own pictures go out. */
    this.sends = true;
    /** @type {Map<string, import("./quality.js").Sums>} */
    this.sums = new Map();
    /** @type {number | null} how many pictures this computer can decode; null: all */
    this.limit = null;
    this.me = "";
    this.videoSlots = 0;
    this.clockAhead = 0;
    /** @type {string | null} */
    this.pinned = null;
    this.asked = "";
    /** @type {{key: string, who: Participant, kind: PictureKind}[]} whose pictures there are */
    this.remote = [];
    /** Whether changes of what is wanted are gathered. */
    this.gathering = false;
    this.note = document.createElement("p");
    this.note.className = "tiles__note";
    this.alone = document.createElement("div");
    this.alone.className = "tiles__alone";
    for (const key of config.may_invite ? ["room.alone", "room.alone.invite"] : ["room.alone"]) {
      const line = document.createElement("p");
      line.textContent = t(key);
      this.alone.append(line);
    }
    area.append(this.note, this.alone);
    area.dataset.layout = this.layout;
    new ResizeObserver(() => this.draw()).observe(area);
    setInterval(() => this.#second(), 1000);
  }

  /** Show them like this from now on, also next time. @param {Layout} layout */
  setLayout(layout) {
    this.layout = layout;
    this.pinned = null;
    localStorage.setItem(KEEP, layout);
    this.area.dataset.layout = layout;
    this.draw();
  }

  /** @param {string[]} participants the loudest first */
  setSpeaking(participants) {
    this.speaking = new Set(participants);
    const loudest = participants.find((one) => one !== this.me);
    const key = loudest === undefined ? null : keyOf({ participant: loudest, kind: "camera" });
    if (key === null) this.starting = null;
    else if (this.starting?.key !== key) this.starting = { key, since: performance.now() };
    this.spoke ??= key;
    this.draw();
  }

  /**
   * Say on each tile how good its picture is.
   * @param {import("./session.js").Received[]} received
   * @param {import("./session.js").Sent | null} sent by one's own camera
   * @param {number} at milliseconds
   */
  measure(received, sent, at) {
    const slots = new Map(received.map((one) => [one.slot, one]));
    for (const [key, tile] of this.tiles) {
      const one = slots.get(tile.slot ?? "");
      if (tile.own) {
        const rates = tile.kind === "camera" && tile.track !== null && sent !== null ? this.#rates(key, { at, bytes: sent.bytesSent, lost: 0, received: 0 }) : null;
        tile.grade(rates === null ? null : { ...ownMarkOf(rates.kbps, this.sends), height: sent?.frameHeight ?? 0, ...rates });
      } else if (one === undefined || tile.track === null) {
        this.sums.delete(key);
        tile.grade(null);
      } else {
        const rates = this.#rates(key, { at, bytes: one.bytesReceived, lost: one.packetsLost, received: one.packetsReceived });
        const mark = markOf({ stalled: tile.stalled, busy: this.limit !== null, manner: tile.manner, step: this.step, height: one.frameHeight, asked: tile.pixels, screen: tile.kind === "screen", ...(rates ?? { loss: 0, kbps: 0 }) });
        tile.grade(rates === null ? null : { ...mark, height: one.frameHeight, ...rates });
      }
    }
  }

  /** @param {string} key @param {import("./quality.js").Sums} now */
  #rates(key, now) {
    const rates = ratesOf(this.sums.get(key), now);
    this.sums.set(key, now);
    return rates;
  }

  #second() {
    const starting = this.starting;
    if (starting !== null && starting.key !== this.spoke && performance.now() - starting.since > SPEAKER_HOLD_MS) {
      this.spoke = starting.key;
      this.draw();
    } else {
      this.#tell();
    }
  }

  /** Decode so many pictures at most, the most important ones; null: all. @param {number | null} limit */
  setLimit(limit) {
    if (this.limit === limit) return;
    this.limit = limit;
    this.#wish();
  }

  /** A new session: its slots' tracks come one by one. @param {string} slot @param {MediaStreamTrack} track */
  setTrack(slot, track) {
    this.tracks.set(slot, track);
    this.draw();
  }

  /** Make, remove, place and name the tiles as everything stands now. */
  draw() {
    const pictures = this.#pictures();
    const keys = new Set(pictures.map((one) => one.key));
    for (const [key, tile] of this.tiles) {
      if (keys.has(key)) continue;
      tile.play(null);
      tile.element.remove();
      this.tiles.delete(key);
    }
    for (const { key, who, kind } of pictures) {
      if (this.tiles.has(key)) continue;
      const tile = new Tile(who, kind, who.participant === this.me, () => this.#pin(key));
      this.tiles.set(key, tile);
      this.area.append(tile.element);
    }
    if (this.pinned !== null && !keys.has(this.pinned)) this.pinned = null;
    // Who has lost the link sends nothing, and a new session says so at first: the last picture stays until the next one comes.
    const remote = pictures.filter(({ key, who, kind }) => who.participant !== this.me && (kind === "screen" || who.camera || (!who.connected && this.tiles.get(key)?.track)));
    this.slots = assign(this.slots, remote.map(({ who, kind }) => ({ participant: who.participant, kind })), this.videoSlots);
    this.#place(pictures.map((one) => one.key));
    this.#tell();
    this.#attach();
    this.#ask(remote);
  }

  /** Who is shown, the most important first: screens, then the others in the roster's order, then oneself. */
  #pictures() {
    /** @type {{key: string, who: Participant, kind: PictureKind}[]} */
    const pictures = [];
    /** @param {Participant} who @param {PictureKind} kind */
    const add = (who, kind) => pictures.push({ key: keyOf({ participant: who.participant, kind }), who, kind });
    for (const who of this.people) if (who.screen) add(who, "screen");
    const senders = this.people.filter((who) => who.role !== "listener");
    const others = senders.filter((who) => who.participant !== this.me);
    const loudFirst = others.length < TILES_MAX ? others : [...others].sort((a, b) => Number(this.speaking.has(b.participant)) - Number(this.speaking.has(a.participant)));
    for (const who of loudFirst) add(who, "camera");
    const self = senders.find((who) => who.participant === this.me);
    const shown = pictures.slice(0, TILES_MAX - (self ? 1 : 0));
    setText(this.note, pictures.length > shown.length ? t("room.tile.more", { n: pictures.length - shown.length }) : "");
    this.alone.hidden = others.length > 0;
    if (self) shown.push({ key: keyOf({ participant: self.participant, kind: "camera" }), who: self, kind: "camera" });
    return shown;
  }

  /** @param {string[]} keys */
  #place(keys) {
    const large = largeOf(this.layout, keys, this.pinned, this.floor === null ? this.spoke : keyOf({ participant: this.floor, kind: "camera" }));
    const places = place(this.layout, keys, large, this.area.clientWidth, this.area.clientHeight);
    for (const [key, tile] of this.tiles) {
      const { left, top, width, height } = places.get(key) ?? { left: 0, top: 0, width: 0, height: 0 };
      const style = tile.element.style;
      Object.assign(style, { left: `${Math.round(left)}px`, top: `${Math.round(top)}px`, width: `${Math.round(width)}px`, height: `${Math.round(height)}px` });
      style.visibility = width === 0 ? "hidden" : "";
      tile.element.dataset.large = String(key === large);
    }
  }

  #tell() {
    const now = Date.now() + this.clockAhead;
    const known = new Map(this.people.map((who) => [who.participant, who]));
    for (const [key, tile] of this.tiles) {
      const who = known.get(tile.who.participant) ?? tile.who;
      tile.update(who, { speaking: this.speaking.has(who.participant), floor: this.floor === who.participant, pinned: this.pinned === key }, now);
    }
  }

  /** Put each track under its tile, as soon as the slot shows what the tile is for. */
  #attach() {
    for (const [key, tile] of this.tiles) {
      if (tile.own) {
        tile.play(tile.kind === "camera" ? this.own.camera : this.own.screen);
        continue;
      }
      const slot = this.slots.get(key) ?? null;
      tile.slot = slot;
      if (slot === null) delete tile.element.dataset.slot;
      else tile.element.dataset.slot = slot;
      const track = slot === null ? undefined : this.tracks.get(slot);
      const shown = slot === null ? undefined : this.shown.get(slot);
      const ready = shown?.participant === tile.who.participant && shown.kind === tile.kind;
      // Switched off, for lack of room on the line: the last picture stays, and says that it stands still.
      const stalled = !ready && shown !== undefined && shown.participant === null && track !== undefined && tile.track === track;
      tile.stalled = stalled;
      tile.manner = (ready && shown.manner) || "moving";
      tile.undecodable = (!ready && shown?.undecodable) || null;
      tile.element.dataset.stalled = String(stalled);
      if (!stalled) tile.play((ready && track) || null);
    }
  }

  /** @param {{key: string, who: Participant, kind: PictureKind}[]} remote */
  #ask(remote) {
    this.remote = remote;
    if (this.gathering) return;
    this.gathering = true;
    setTimeout(() => {
      this.gathering = false;
      this.#wish();
    }, GATHER_MS);
    this.#wish();
  }

  /** The pictures from others; where not all can be decoded, screens, the large one and who spoke last come first. */
  #byWeight() {
    if (this.limit === null) return this.remote;
    const weight = (/** @type {{key: string, kind: PictureKind}} */ { key, kind }) => (kind === "screen" ? 0 : this.tiles.get(key)?.element.dataset.large === "true" ? 1 : key === this.spoke ? 2 : 3);
    return [...this.remote].sort((a, b) => weight(a) - weight(b));
  }

  #wish() {
    /** @type {Wanted[]} */
    const wanted = [];
    for (const { key, who, kind } of this.#byWeight()) {
      const slot = this.slots.get(key);
      const tile = this.tiles.get(key);
      if (slot === undefined || tile === undefined || tile.element.style.visibility === "hidden") continue;
      wanted.push({ slot, participant: who.participant, kind, height: Math.max(1, tile.pixels) });
    }
    if (this.limit !== null) wanted.splice(this.limit);
    const text = JSON.stringify(wanted);
    if (text === this.asked) return;
    this.asked = text;
    this.want(wanted);
  }

  /** @param {string} key */
  #pin(key) {
    this.pinned = this.pinned === key ? null : key;
    this.draw();
  }
}
