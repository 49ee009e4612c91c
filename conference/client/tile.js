/** One tile of one picture: who it is, the picture or why there is none, how good it is. */

import { icon, made, setText } from "./draw.js";
import { config, span, t } from "./text.js";

/** @typedef {import("./wire.js").Participant} Participant */
/** @typedef {import("./slots.js").PictureKind} PictureKind */
/** What was measured of the picture. @typedef {import("./quality.js").Mark & {height: number, kbps: number, loss: number}} Measured */

export class Tile {
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
    const face = made("div", "tile__face");
    this.mark = made("span", "tile__mark");
    this.words = made("span", "");
    face.append(this.mark, this.words);
    const label = made("div", "tile__name");
    this.name = made("span", "");
    this.muted = icon("icon-mic-off", t("room.tile.muted"));
    this.muted.classList.add("tile__muted");
    this.hand = icon("icon-hand", t("room.tile.hand"));
    this.hand.classList.add("tile__hand");
    this.floor = made("span", "tile__floor");
    this.floor.textContent = t("room.tile.floor");
    label.append(this.hand, this.muted, this.name, this.floor);
    this.quality = made("div", "quality");
    this.qualityWords = made("span", "quality__words");
    this.qualityNumbers = made("span", "quality__numbers");
    this.quality.append(bars(), this.qualityWords, this.qualityNumbers);
    this.quality.hidden = true;
    this.pin = document.createElement("button");
    this.pin.className = "tile__pin";
    this.pin.addEventListener("click", pinned);
    this.element.append(this.video, face, this.quality, label, this.pin);
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** @type {string | null} */
    this.slot = null;
    this.stalled = false;
    /** @type {string | null} the codec of a picture that this browser cannot decode */
    this.undecodable = null;
    /** @type {"moving" | "slow" | "still"} */
    this.manner = "moving";
  }

  /** How high the picture is shown, device pixels. */
  get pixels() {
    return Math.round(this.element.clientHeight * devicePixelRatio);
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

  /**
   * @param {Participant} who
   * @param {{speaking: boolean, floor: boolean, pinned: boolean}} role what they do right now
   * @param {number} now server's clock, epoch milliseconds
   */
  update(who, { speaking, floor, pinned }, now) {
    this.who = who;
    const screen = this.kind === "screen";
    const name = screen ? t("room.tile.screen", { name: who.name }) : this.own ? t("room.tile.you", { name: who.name }) : who.name;
    setText(this.name, name);
    setText(this.mark, initial(who.name));
    this.mark.hidden = screen;
    this.muted.toggleAttribute("hidden", !who.muted || screen);
    this.hand.toggleAttribute("hidden", screen || typeof who.hand !== "number");
    this.floor.hidden = screen || !floor;
    this.pin.setAttribute("aria-label", t(pinned ? "room.tile.unpin" : "room.tile.pin", { name }));
    this.pin.setAttribute("aria-pressed", String(pinned));
    this.element.dataset.connected = String(who.connected || this.own);
    this.element.dataset.speaking = String((speaking || floor) && !screen);
    setText(this.words, this.#why(who, now));
    this.words.hidden = this.words.textContent === "";
  }

  /** Show how good the picture is; null where there is nothing to say. @param {Measured | null} measured */
  grade(measured) {
    this.quality.hidden = measured === null;
    if (measured === null) return;
    const { grade, words, height, kbps, loss } = measured;
    this.quality.dataset.grade = grade;
    setText(this.qualityWords, words === null ? "" : t(words, { height, loss: percent(loss) }));
    const flows = grade !== "none" && grade !== "rests";
    const numbers = flows ? [...(height > 0 ? [`${height}p`] : []), `${Math.round(kbps)} kbit/s`] : [];
    if (loss >= 0.005 && words !== "room.quality.lossy") numbers.push(t("room.quality.loss", { loss: percent(loss) }));
    setText(this.qualityNumbers, numbers.join(" · "));
  }

  /** In words, why there is no picture. @param {Participant} who @param {number} now */
  #why(who, now) {
    if (!who.connected && !this.own) return t(who.hidden ? "room.tile.asleep" : "room.tile.lost", { since: span(now - who.since) });
    if (this.own) return "";
    if (this.undecodable !== null) return t("room.tile.undecodable", { codec: this.undecodable });
    return this.kind === "screen" || who.camera ? t("room.tile.waiting") : "";
  }
}

/** Three bars, of which as many are filled as the picture is good. */
function bars() {
  const element = made("span", "quality__bars");
  element.setAttribute("aria-hidden", "true");
  element.append(made("i", ""), made("i", ""), made("i", ""));
  return element;
}

/** @param {number} share */
function percent(share) {
  return new Intl.NumberFormat(config.lang, { maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share * 100);
}

/** The sign of somebody without a picture: the last character of a Chinese name, the first letter of another. @param {string} name */
function initial(name) {
  const letters = [...name.trim()];
  const last = letters.at(-1) ?? "";
  return /\p{Script=Han}/u.test(last) ? last : (letters[0] ?? "").toUpperCase();
}
