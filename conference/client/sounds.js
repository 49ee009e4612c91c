/** What one hears: the receiving audio slots, where they come out, and the bar for browsers that hold sound back until somebody clicks. */

import { byId } from "./text.js";

export class Sounds {
  constructor() {
    this.holder = byId("sounds", HTMLElement);
    this.bar = byId("sound", HTMLElement);
    /** @type {Map<string, HTMLAudioElement>} */
    this.elements = new Map();
    this.speakerId = "";
  }

  /** @param {string} slot @param {MediaStreamTrack} track */
  hear(slot, track) {
    let element = this.elements.get(slot);
    if (element === undefined) {
      element = document.createElement("audio");
      element.autoplay = true;
      this.elements.set(slot, element);
      this.holder.append(element);
      void this.#route(element);
    }
    element.srcObject = new MediaStream([track]);
    element.play().catch((error) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.bar.hidden = false;
    });
  }

  /** After a click the browser lets sound through. */
  async turnOn() {
    this.bar.hidden = true;
    for (const element of this.elements.values()) await element.play();
  }

  /** Let it come out there from now on. @param {string} id "" for the system's own choice */
  async setSpeaker(id) {
    this.speakerId = id;
    for (const element of this.elements.values()) await this.#route(element);
  }

  /** @param {HTMLAudioElement} element */
  async #route(element) {
    // A loudspeaker that was unplugged meanwhile: the system's own choice is heard, which is better than silence.
    if (element.sinkId !== undefined && element.sinkId !== this.speakerId) await element.setSinkId(this.speakerId).catch(() => element.setSinkId("").catch(() => undefined));
  }
}
