/** The dialog in which a host makes a join link for somebody. */

import { post } from "./api.js";
import { byId, config, t } from "./text.js";

export class Invite {
  constructor() {
    this.dialog = byId("invite", HTMLDialogElement);
    this.form = byId("invite-form", HTMLFormElement);
    this.made = byId("invite-made", HTMLElement);
    this.url = byId("invite-url", HTMLInputElement);
    this.code = byId("invite-code", HTMLImageElement);
    this.error = byId("invite-error", HTMLParagraphElement);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#make();
    });
  }

  open() {
    this.made.hidden = true;
    this.error.hidden = true;
    this.form.reset();
    this.dialog.showModal();
  }

  close() {
    this.dialog.close();
  }

  /** @param {HTMLElement} button that says so when it is done */
  async copy(button) {
    this.url.select();
    try {
      await navigator.clipboard.writeText(this.url.value);
    } catch {
      // Without https there is no clipboard; the selected text can be copied by the old command.
      document.execCommand("copy");
    }
    button.textContent = t("room.invite.copied");
    setTimeout(() => {
      button.textContent = t("room.invite.copy");
    }, 2000);
  }

  async #make() {
    const asked = new FormData(this.form);
    const answer = await post(`/api/v1/rooms/${config.room}/links`, { name: String(asked.get("name")), role: String(asked.get("role")) });
    this.error.hidden = answer.ok;
    this.made.hidden = !answer.ok;
    if (answer.ok) {
      this.url.value = String(answer.body.url);
      this.code.src = String(answer.body.qr);
      this.url.select();
    } else {
      this.error.textContent = t("room.invite.failed", { reason: String(answer.body.detail ?? answer.body.title ?? answer.status) });
    }
  }
}
