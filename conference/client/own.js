/** One's own microphone, camera and screen while in the room: on and off, another device, what was unplugged or taken by a phone call. */

import * as devices from "./devices.js";
import { idOf } from "./chooser.js";
import { tell, tellError } from "./notice.js";
import { byId, t } from "./text.js";

/** @typedef {import("./devices.js").Kind} Kind */

export class Own {
  /**
   * @param {import("./protocol.js").RoomClient} client
   * @param {() => void} changed something of one's own is not what it was
   */
  constructor(client, changed) {
    this.client = client;
    this.changed = changed;
    this.resumeBar = byId("resume", HTMLElement);
    navigator.mediaDevices?.addEventListener("devicechange", () => changed());
  }

  get microphone() {
    return this.client.sending.audio;
  }

  get camera() {
    return this.client.sending.camera;
  }

  get screen() {
    return this.client.sending.screen;
  }

  /** What was opened before joining. @param {import("./prejoin.js").Opened} opened */
  start(opened) {
    this.#watch("microphone", opened.microphone);
    this.#watch("camera", opened.camera);
  }

  async toggleCamera() {
    if (this.camera !== null) {
      this.camera.stop();
      await this.client.setCamera(null);
      this.changed();
    } else {
      await this.choose("camera", devices.remembered().camera ?? "");
    }
  }

  /** Use this device from now on. @param {Kind} kind @param {string | null} id "" for any, null for none @returns {Promise<boolean>} */
  async choose(kind, id) {
    // Many cameras and telephones open only once: the old one is let go first.
    (kind === "camera" ? this.camera : this.microphone)?.stop();
    const { track, cause } = await devices.open(kind, id);
    if (cause !== null) tell(t(`room.trouble.${kind}.${cause}`));
    this.#watch(kind, track);
    if (kind === "camera") await this.client.setCamera(track);
    else await this.client.setMicrophone(track);
    this.changed();
    return track !== null;
  }

  async toggleScreen() {
    if (this.screen !== null) {
      this.screen.stop();
      await this.#endScreen();
      return;
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 10, max: 15 } }, audio: false });
    } catch {
      tell(t("room.trouble.screen"));
      return;
    }
    const [track] = stream.getVideoTracks();
    // The browser has a button of its own that ends the sharing.
    track.addEventListener("ended", () => void this.#endScreen().catch(tellError));
    await this.client.setScreen(track);
    this.changed();
  }

  /** Open the microphone again after something else had it. */
  async resume() {
    this.resumeBar.hidden = true;
    await this.choose("microphone", devices.remembered().microphone ?? "");
  }

  /** Let go of everything. */
  stop() {
    for (const track of [this.microphone, this.camera, this.screen]) track?.stop();
  }

  async #endScreen() {
    await this.client.setScreen(null);
    this.changed();
  }

  /** @param {Kind} kind @param {MediaStreamTrack | null} track */
  #watch(kind, track) {
    if (track === null) return;
    const used = () => (kind === "camera" ? this.camera : this.microphone) === track;
    track.addEventListener("ended", () => {
      if (used()) void this.#fallBack(kind).catch(tellError);
    });
    if (kind === "camera") return;
    // A phone call takes the microphone on iOS: it stays open, is silent, and comes back only when it is opened anew.
    track.addEventListener("mute", () => {
      if (used()) this.resumeBar.hidden = false;
    });
    track.addEventListener("unmute", () => {
      this.resumeBar.hidden = true;
    });
  }

  /** What was in use is gone: another of its kind takes over, and it is said which. @param {Kind} kind */
  async #fallBack(kind) {
    const { track } = await devices.open(kind, "");
    this.#watch(kind, track);
    if (kind === "camera") await this.client.setCamera(track);
    else await this.client.setMicrophone(track);
    const known = (await devices.list())[kind].find((one) => one.deviceId === idOf(track));
    tell(track === null ? t(`room.trouble.${kind}.gone`) : t(`room.trouble.${kind}.other`, { device: known?.label || track.label || t("room.prejoin.device", { n: 1 }) }));
    this.changed();
  }
}
