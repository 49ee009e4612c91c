/** The dialog in which one changes camera, microphone and loudspeaker while in the room. */

import { chosen, fill, idOf } from "./chooser.js";
import * as devices from "./devices.js";
import { chooseHold } from "./hold.js";
import { playTone, watchLevel } from "./level.js";
import { tellError } from "./notice.js";
import { byId } from "./text.js";

export class Settings {
  /** @param {import("./own.js").Own} own @param {import("./sounds.js").Sounds} sounds @param {import("./talk.js").Talk} talk */
  constructor(own, sounds, talk) {
    this.talk = talk;
    this.own = own;
    this.sounds = sounds;
    this.dialog = byId("settings", HTMLDialogElement);
    this.selects = {
      microphone: byId("use-microphone", HTMLSelectElement),
      camera: byId("use-camera", HTMLSelectElement),
      speaker: byId("use-speaker", HTMLSelectElement),
    };
    this.hold = byId("use-hold", HTMLInputElement);
    this.hold.addEventListener("change", () => {
      chooseHold(this.hold.checked);
      void talk.choose(this.hold.checked).catch(tellError);
    });
    this.level = byId("use-level", HTMLElement);
    /** @type {() => void} */
    this.endLevel = () => {};
    for (const kind of /** @type {const} */ (["microphone", "camera"])) {
      this.selects[kind].addEventListener("change", () => void this.#use(kind).catch(tellError));
    }
    this.selects.speaker.addEventListener("change", () => {
      const id = chosen(this.selects.speaker) ?? "";
      devices.remember({ speaker: id });
      void sounds.setSpeaker(id);
    });
    byId("use-tone", HTMLButtonElement).addEventListener("click", () => void playTone(this.sounds.speakerId).catch(tellError));
    this.dialog.addEventListener("close", () => this.endLevel());
  }

  open() {
    this.hold.checked = this.talk.byHolding;
    this.dialog.showModal();
    void this.draw();
  }

  /** Show what there is now, if the dialog is open. */
  async draw() {
    this.endLevel();
    this.endLevel = () => {};
    if (!this.dialog.open) return;
    const known = await devices.list();
    fill(this.selects.microphone, known.microphone, idOf(this.own.microphone), true);
    fill(this.selects.camera, known.camera, idOf(this.own.camera), true);
    fill(this.selects.speaker, known.speaker, this.sounds.speakerId, false);
    this.selects.speaker.disabled = !devices.choosesSpeaker() || known.speaker.length === 0;
    const microphone = this.own.microphone;
    this.level.style.transform = "scaleX(0)";
    if (microphone === null) return;
    this.endLevel();
    this.endLevel = watchLevel(microphone, (level) => {
      this.level.style.transform = `scaleX(${level.toFixed(2)})`;
      this.level.parentElement?.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    });
  }

  /** @param {devices.Kind} kind */
  async #use(kind) {
    const id = chosen(this.selects[kind]);
    devices.remember({ [kind]: id });
    await this.own.choose(kind, id);
  }
}
