/** The view before joining: own picture, microphone level, choice of devices; gives what was opened when the person joins. */

import * as devices from "./devices.js";
import { byId, config, t } from "./text.js";

const KEEP = "fenghuo-room-devices";

/** @typedef {{audio: MediaStreamTrack | null, camera: MediaStreamTrack | null, cameraId: string}} Opened */

export class Prejoin {
  /** @param {(opened: Opened) => void} joined */
  constructor(joined) {
    this.picture = byId("own-preview", HTMLVideoElement);
    this.note = byId("preview-note", HTMLParagraphElement);
    this.trouble = byId("device-trouble", HTMLParagraphElement);
    this.microphones = byId("choose-microphone", HTMLSelectElement);
    this.cameras = byId("choose-camera", HTMLSelectElement);
    this.level = byId("level", HTMLElement);
    this.levelHint = byId("level-hint", HTMLParagraphElement);
    this.button = byId("join", HTMLButtonElement);
    /** @type {MediaStreamTrack | null} */
    this.audio = null;
    /** @type {MediaStreamTrack | null} */
    this.camera = null;
    /** @type {() => void} */
    this.endLevel = () => {};
    /** @type {Promise<void>} what is being opened right now; joining waits for it */
    this.opening = Promise.resolve();
    for (const select of [this.microphones, this.cameras]) select.addEventListener("change", () => this.reopen());
    this.button.addEventListener("click", async () => {
      this.button.disabled = true;
      await this.opening;
      this.endLevel();
      this.picture.srcObject = null;
      joined({ audio: this.audio, camera: this.camera, cameraId: this.cameras.value === "none" ? "" : this.cameras.value });
    });
  }

  /** Open the devices of last time, or any; who only listens is asked for none. */
  start() {
    if (config.role === "listener") return;
    const kept = remembered();
    this.opening = this.#open(kept.microphone, kept.camera);
  }

  /** Open what is chosen now. */
  reopen() {
    const chosen = { microphone: this.microphones.value === "none" ? null : this.microphones.value, camera: this.cameras.value === "none" ? null : this.cameras.value };
    localStorage.setItem(KEEP, JSON.stringify(chosen));
    this.opening = this.opening.then(() => this.#open(chosen.microphone, chosen.camera));
  }

  /** @param {string | null} microphone @param {string | null} camera */
  async #open(microphone, camera) {
    this.endLevel();
    this.endLevel = () => {};
    this.audio?.stop();
    this.camera?.stop();
    let opened = await devices.open({ microphone, camera });
    if (opened.trouble !== null && (microphone || camera)) {
      // A device of last time may be gone: then any will do.
      for (const track of [opened.audio, opened.camera]) track?.stop();
      opened = await devices.open({ microphone: microphone === null ? null : "", camera: camera === null ? null : "" });
    }
    this.audio = opened.audio;
    this.camera = opened.camera;
    this.picture.srcObject = opened.camera === null ? null : new MediaStream([opened.camera]);
    this.note.hidden = opened.camera !== null;
    this.note.textContent = t("room.prejoin.camera_off");
    this.trouble.hidden = opened.trouble === null;
    this.trouble.textContent = opened.trouble === null ? "" : t(`room.trouble.${opened.trouble}`);
    this.levelHint.hidden = opened.audio === null;
    this.level.style.transform = "scaleX(0)";
    if (opened.audio !== null) {
      this.endLevel = devices.watchLevel(opened.audio, (level) => {
        this.level.style.transform = `scaleX(${level.toFixed(2)})`;
      });
    }
    const known = await devices.list();
    fill(this.microphones, known.microphones, this.audio);
    fill(this.cameras, known.cameras, this.camera);
  }
}

/** @param {HTMLSelectElement} select @param {MediaDeviceInfo[]} known @param {MediaStreamTrack | null} track */
function fill(select, known, track) {
  const options = known.map((device, index) => new Option(device.label || t("room.prejoin.device", { n: index + 1 }), device.deviceId));
  select.replaceChildren(...options, new Option(t("room.prejoin.none"), "none"));
  select.value = track === null ? "none" : (track.getSettings().deviceId ?? "");
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

/** @returns {{microphone: string | null, camera: string | null}} */
function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEEP) ?? "{}");
    return { microphone: kept.microphone === null ? null : String(kept.microphone ?? ""), camera: kept.camera === null ? null : String(kept.camera ?? "") };
  } catch {
    return { microphone: "", camera: "" };
  }
}
