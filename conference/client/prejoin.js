/** The view before joining: own picture, microphone level, a tone for the loudspeaker, how the line is; gives what was opened when the person joins. */

import { chosen, fill, idOf } from "./chooser.js";
import * as devices from "./devices.js";
import { chooseHold, holdsToTalk } from "./hold.js";
import { playTone, watchLevel } from "./level.js";
import { measure } from "./linecheck.js";
import { byId, config, rateOf, t } from "./text.js";

/** @typedef {{microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null}} Opened */
/** @typedef {"good" | "weak" | "bad"} Verdict */

/** A file of ours that every page needs anyway, large enough to measure with. */
const CHECKED = { small: "/assets/css/tokens.css", large: "/assets/vendor/noto-sans-sc/index.css", sink: "/api/v1/line" };
const PICTURES_KBPS = { down: 800, up: 500 };
const VOICE_KBPS = 100;
const SLOW_MS = 400;
/** Below this level nobody speaks, or the microphone is switched off at its cable. */
const HEARD_LEVEL = 0.25;
const SILENT_MS = 6000;

export class Prejoin {
  /** @param {import("./layouts.js").Layout} layout of last time @param {(opened: Opened, byHolding: boolean) => void} joined */
  constructor(layout, joined) {
    this.hold = byId("choose-hold", HTMLInputElement);
    this.hold.checked = holdsToTalk(layout);
    this.hold.addEventListener("change", () => chooseHold(this.hold.checked));
    this.watchOnly = byId("choose-watch", HTMLInputElement);
    // A reload keeps what was ticked in some browsers: whoever does not say so now takes part.
    this.watchOnly.checked = false;
    this.watchOnly.addEventListener("change", () => this.#chooseWatch());
    this.picture = byId("own-preview", HTMLVideoElement);
    this.note = byId("preview-note", HTMLParagraphElement);
    this.microphones = byId("choose-microphone", HTMLSelectElement);
    this.cameras = byId("choose-camera", HTMLSelectElement);
    this.speakers = byId("choose-speaker", HTMLSelectElement);
    this.level = byId("level", HTMLElement);
    this.levelHint = byId("level-hint", HTMLParagraphElement);
    this.toneButton = byId("tone", HTMLButtonElement);
    this.toneHint = byId("tone-hint", HTMLElement);
    this.line = byId("line-check", HTMLElement);
    this.button = byId("join", HTMLButtonElement);
    /** @type {Opened} */
    this.opened = { microphone: null, camera: null };
    this.heardAt = 0;
    /** @type {() => void} */
    this.endLevel = () => {};
    /** @type {Promise<void>} what is being opened right now; joining waits for it */
    this.opening = Promise.resolve();
    this.joined = false;
    for (const select of [this.microphones, this.cameras]) select.addEventListener("change", () => this.reopen());
    this.speakers.addEventListener("change", () => devices.remember({ speaker: chosen(this.speakers) ?? "" }));
    this.toneButton.addEventListener("click", () => void this.#tone());
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.joined) return;
      // What is open and lives stays open: only what is missing is looked for again.
      const lives = [this.opened.microphone, this.opened.camera].every((track) => track?.readyState === "live");
      if (lives || this.watches) void this.#list();
      else this.reopen();
    });
    this.button.addEventListener("click", async () => {
      this.button.disabled = true;
      await this.opening;
      this.joined = true;
      this.endLevel();
      this.picture.srcObject = null;
      joined(this.opened, this.hold.checked);
    });
  }

  /** Whether one only watches: by choice, or because one may no more. */
  get watches() {
    return config.role === "listener" || this.watchOnly.checked;
  }

  /** Close what is open for who only watches; open it again for who takes part after all. */
  #chooseWatch() {
    for (const part of document.querySelectorAll("#prejoin [data-sends]")) part.toggleAttribute("hidden", this.watches);
    if (!this.watches) {
      this.reopen();
      return;
    }
    this.opening = this.opening.then(() => {
      this.#close();
      this.opened = { microphone: null, camera: null };
      return this.#list();
    });
  }

  /** Open the devices of last time, or any; who only listens is asked for none. */
  start() {
    void this.#checkLine();
    if (this.watches) {
      void this.#list();
      return;
    }
    this.opening = this.#open(devices.remembered());
  }

  /** Open what is chosen now. */
  reopen() {
    // A list that is empty so far says nothing about what the person wants.
    const keep = devices.remembered();
    const wanted = {
      microphone: this.microphones.selectedIndex < 0 ? keep.microphone : chosen(this.microphones),
      camera: this.cameras.selectedIndex < 0 ? keep.camera : chosen(this.cameras),
    };
    devices.remember(wanted);
    this.opening = this.opening.then(() => this.#open(wanted));
  }

  /** @param {{microphone: string | null, camera: string | null}} wanted */
  async #open(wanted) {
    this.#close();
    const { microphone, camera } = await devices.openBoth(wanted);
    this.opened = { microphone: microphone.track, camera: camera.track };
    this.picture.srcObject = camera.track === null ? null : new MediaStream([camera.track]);
    this.note.hidden = camera.track !== null;
    this.note.textContent = t("room.prejoin.camera_off");
    sayCause("camera", camera.cause);
    sayCause("microphone", microphone.cause);
    this.#watchLevel();
    await this.#list();
    for (const kind of /** @type {const} */ (["microphone", "camera"])) {
      this.opened[kind]?.addEventListener("ended", () => {
        if (!this.joined) sayCause(kind, "unplugged");
      });
    }
  }

  #close() {
    this.endLevel();
    this.endLevel = () => {};
    this.opened.microphone?.stop();
    this.opened.camera?.stop();
  }

  #watchLevel() {
    const { microphone } = this.opened;
    this.level.style.transform = "scaleX(0)";
    this.levelHint.hidden = microphone === null;
    if (microphone === null) return;
    this.heardAt = performance.now();
    this.#hint("speak");
    this.endLevel = watchLevel(microphone, (level) => {
      this.level.style.transform = `scaleX(${level.toFixed(2)})`;
      this.level.parentElement?.setAttribute("aria-valuenow", String(Math.round(level * 100)));
      const now = performance.now();
      if (level > HEARD_LEVEL) {
        this.heardAt = now;
        this.#hint("heard");
      } else if (now - this.heardAt > SILENT_MS) {
        this.#hint("silent");
      }
    });
  }

  /** @param {"speak" | "heard" | "silent"} what */
  #hint(what) {
    if (this.levelHint.dataset.heard === what) return;
    this.levelHint.dataset.heard = what;
    this.levelHint.textContent = t(`room.prejoin.${what}`);
  }

  async #list() {
    const known = await devices.list();
    fill(this.microphones, known.microphone, idOf(this.opened.microphone), true);
    fill(this.cameras, known.camera, idOf(this.opened.camera), true);
    fill(this.speakers, known.speaker, devices.remembered().speaker, false);
    this.speakers.disabled = !devices.choosesSpeaker() || known.speaker.length === 0;
  }

  async #tone() {
    this.toneButton.disabled = true;
    this.toneHint.textContent = t("room.prejoin.tone_playing");
    try {
      await playTone(this.speakers.value === "none" ? "" : this.speakers.value);
      this.toneHint.textContent = t("room.prejoin.tone_heard");
    } catch {
      this.toneHint.textContent = t("room.prejoin.tone_failed");
    } finally {
      this.toneButton.disabled = false;
    }
  }

  async #checkLine() {
    this.#sayLine("checking", t("room.prejoin.line_checking"));
    try {
      const measured = await measure(CHECKED);
      const verdict = verdictOf(measured);
      const { roundTripMs, downKbps, upKbps } = measured;
      this.#sayLine(verdict, t(`room.prejoin.line_${verdict}`, { down: rateOf(downKbps), up: rateOf(upKbps), ms: Math.max(1, Math.round(roundTripMs)) }));
    } catch {
      this.#sayLine("bad", t("room.prejoin.line_none"));
    }
  }

  /** @param {string} verdict @param {string} words */
  #sayLine(verdict, words) {
    this.line.dataset.verdict = verdict;
    this.line.textContent = words;
  }
}

/** @param {import("./linecheck.js").Measured} measured @returns {Verdict} */
function verdictOf({ roundTripMs, downKbps, upKbps }) {
  if (Math.min(downKbps, upKbps) < VOICE_KBPS) return "bad";
  return downKbps < PICTURES_KBPS.down || upKbps < PICTURES_KBPS.up || roundTripMs > SLOW_MS ? "weak" : "good";
}

/** @param {devices.Kind} kind @param {devices.Cause | "unplugged" | null} cause */
function sayCause(kind, cause) {
  const line = byId(`trouble-${kind}`, HTMLParagraphElement);
  line.hidden = cause === null;
  line.textContent = cause === null ? "" : t(`room.trouble.${kind}.${cause}`);
}
