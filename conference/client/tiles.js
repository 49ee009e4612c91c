/** The pictures: one tile for each who can be seen, laid out so that all fit without scrolling; tells which picture is wanted how high. */

import { assign, fitBest, keyOf } from "./slots.js";
import { config, span, t } from "./text.js";

/** @typedef {import("./wire.js").Participant} Participant */
/** @typedef {import("./wire.js").Wanted} Wanted */
/** @typedef {import("./wire.js").Shown} Shown */
/** @typedef {import("./slots.js").PictureKind} PictureKind */

const TILES_MAX = 9;
const GAP_PX = 8;
/** As cameras give it; or cut at the sides, where that makes larger tiles. */
const RATIOS = [16 / 9, 4 / 3];
/** The strip beside one large picture, as a share of the area. */
const STRIP = 0.22;
const STRIP_MAX = 6;
const SETTLE_MS = 150;

/** One tile of one picture, its own included. */
class Tile {
  /** @param {Participant} who @param {PictureKind} kind @param {boolean} own @param {() => void} pinned */
  constructor(who, kind, own, pinned) {
    this.kind = kind;
    this.own = own;
    this.who = who;
    this.element = document.createElement("article");
    this.element.className = own ? "tile tile--own" : "tile";
    this.element.dataset.kind = kind;
    this.element.dataset.source = who.participant;
    this.video = document.createElement("video");
    this.video.autoplay = true;
    this.video.playsInline = true;
    this.video.muted = true;
    const face = document.createElement("div");
    face.className = "tile__face";
    this.mark = document.createElement("span");
    this.mark.className = "tile__mark";
    this.words = document.createElement("span");
    face.append(this.mark, this.words);
    const label = document.createElement("div");
    label.className = "tile__name";
    this.name = document.createElement("span");
    this.muted = icon("icon-mic-off", t("room.tile.muted"));
    label.append(this.muted, this.name);
    this.still = document.createElement("span");
    this.still.className = "tile__still";
    this.still.textContent = t("room.tile.still");
    this.pin = document.createElement("button");
    this.pin.className = "tile__pin";
    this.pin.addEventListener("click", pinned);
    this.element.append(this.video, face, this.still, label, this.pin);
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** @type {string | null} */
    this.slot = null;
  }

  /** Put a track under the tile, and show it when its first picture has come. @param {MediaStreamTrack | null} track */
  play(track) {
    if (this.track === track) return;
    this.track = track;
    this.element.dataset.picture = "false";
    this.video.srcObject = track === null ? null : new MediaStream([track]);
    if (track === null) return;
    const shown = () => {
      if (this.track === track) this.element.dataset.picture = "true";
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(shown);
    else /** @type {HTMLVideoElement} */ (this.video).addEventListener("loadeddata", shown, { once: true });
    void this.video.play().catch(() => undefined);
  }

  /** @param {Participant} who @param {boolean} speaking @param {number} now server's clock, epoch milliseconds */
  update(who, speaking, now) {
    this.who = who;
    const name = this.kind === "screen" ? t("room.tile.screen", { name: who.name }) : this.own ? t("room.tile.you", { name: who.name }) : who.name;
    setText(this.name, name);
    setText(this.mark, initial(who.name));
    this.mark.hidden = this.kind === "screen";
    this.muted.toggleAttribute("hidden", !who.muted || this.kind === "screen");
    this.pin.setAttribute("aria-label", t("room.tile.pin", { name }));
    this.element.dataset.connected = String(who.connected || this.own);
    this.element.dataset.speaking = String(speaking && this.kind === "camera");
    const expects = this.kind === "screen" || who.camera;
    if (!who.connected && !this.own) setText(this.words, t("room.tile.lost", { since: span(now - who.since) }));
    else setText(this.words, expects && !this.own ? t("room.tile.waiting") : "");
    this.words.hidden = this.words.textContent === "";
  }
}

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
    /** @type {{camera: MediaStreamTrack | null, screen: MediaStreamTrack | null}} */
    this.own = { camera: null, screen: null };
    this.me = "";
    this.videoSlots = 0;
    this.clockAhead = 0;
    /** @type {string | null} */
    this.pinned = null;
    this.asked = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.settling = undefined;
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
    new ResizeObserver(() => this.draw()).observe(area);
    setInterval(() => this.#tell(), 1000);
  }

  /** A new session: its slots' tracks come one by one. @param {string} slot @param {MediaStreamTrack} track */
  setTrack(slot, track) {
    this.tracks.set(slot, track);
    // A new session knows nothing of what was wanted before.
    this.asked = "";
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
    const remote = pictures.filter(({ who, kind }) => who.participant !== this.me && (kind === "screen" || who.camera));
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
    this.note.textContent = pictures.length > shown.length ? t("room.tile.more", { n: pictures.length - shown.length }) : "";
    this.alone.hidden = others.length > 0;
    if (self) shown.push({ key: keyOf({ participant: self.participant, kind: "camera" }), who: self, kind: "camera" });
    return shown;
  }

  /** @param {string[]} keys */
  #place(keys) {
    const width = this.area.clientWidth;
    const height = this.area.clientHeight;
    const large = this.pinned ?? keys.find((key) => key.endsWith("/screen")) ?? null;
    if (large === null || keys.length < 2) {
      this.#grid(keys, 0, 0, width, height);
      return;
    }
    const rest = keys.filter((key) => key !== large).slice(0, STRIP_MAX);
    for (const key of keys) if (key !== large && !rest.includes(key)) this.#put(key, 0, 0, 0, 0);
    if (width >= height) {
      const strip = Math.round(width * STRIP);
      this.#put(large, 0, 0, width - strip - GAP_PX, height);
      this.#grid(rest, width - strip, 0, strip, height);
    } else {
      const strip = Math.round(height * STRIP);
      this.#put(large, 0, 0, width, height - strip - GAP_PX);
      this.#grid(rest, 0, height - strip, width, strip);
    }
  }

  /** @param {string[]} keys @param {number} left @param {number} top @param {number} width @param {number} height */
  #grid(keys, left, top, width, height) {
    if (keys.length === 0) return;
    const grid = fitBest(keys.length, width, height, GAP_PX, RATIOS);
    const above = Math.max(0, (height - grid.rows * grid.height - (grid.rows - 1) * GAP_PX) / 2);
    keys.forEach((key, index) => {
      const row = Math.floor(index / grid.columns);
      const inRow = Math.min(grid.columns, keys.length - row * grid.columns);
      const before = (width - inRow * grid.width - (inRow - 1) * GAP_PX) / 2;
      const column = index - row * grid.columns;
      this.#put(key, left + before + column * (grid.width + GAP_PX), top + above + row * (grid.height + GAP_PX), grid.width, grid.height);
    });
  }

  /** @param {string} key @param {number} left @param {number} top @param {number} width @param {number} height */
  #put(key, left, top, width, height) {
    const style = this.tiles.get(key)?.element.style;
    if (style === undefined) return;
    Object.assign(style, { left: `${Math.round(left)}px`, top: `${Math.round(top)}px`, width: `${Math.round(width)}px`, height: `${Math.round(height)}px` });
    style.visibility = width === 0 ? "hidden" : "";
  }

  #tell() {
    const now = Date.now() + this.clockAhead;
    const known = new Map(this.people.map((who) => [who.participant, who]));
    for (const tile of this.tiles.values()) {
      const who = known.get(tile.who.participant) ?? tile.who;
      tile.update(who, this.speaking.has(who.participant), now);
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
      tile.element.dataset.stalled = String(stalled || (ready && shown.still === true));
      setText(tile.still, t(stalled ? "room.tile.still" : "room.tile.stills"));
      if (!stalled) tile.play((ready && track) || null);
    }
  }

  /** @param {{key: string, who: Participant, kind: PictureKind}[]} remote */
  #ask(remote) {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      /** @type {Wanted[]} */
      const wanted = [];
      for (const { key, who, kind } of remote) {
        const slot = this.slots.get(key);
        const tile = this.tiles.get(key);
        if (slot === undefined || tile === undefined || tile.element.style.visibility === "hidden") continue;
        wanted.push({ slot, participant: who.participant, kind, height: Math.round(tile.element.clientHeight * devicePixelRatio) });
      }
      const text = JSON.stringify(wanted);
      if (text === this.asked) return;
      this.asked = text;
      this.want(wanted);
    }, SETTLE_MS);
  }

  /** @param {string} key */
  #pin(key) {
    this.pinned = this.pinned === key ? null : key;
    this.draw();
  }
}

/** @param {string} id @param {string} title */
export function icon(id, title) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${id}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", title);
  svg.append(use);
  return svg;
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The sign of somebody without a picture: the last character of a Chinese name, the first letter of another. @param {string} name */
function initial(name) {
  const letters = [...name.trim()];
  const last = letters.at(-1) ?? "";
  return /\p{Script=Han}/u.test(last) ? last : (letters[0] ?? "").toUpperCase();
}
