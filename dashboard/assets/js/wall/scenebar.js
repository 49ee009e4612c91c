/** The foot's names of the scenes, with how much of the present one's time is over. */

import { h, put, write } from "../dom.js";

export class SceneBar {
  /** @param {HTMLElement} box @param {string[]} scenes @param {import("../words.js").Words} words */
  constructor(box, scenes, words) {
    this.items = scenes.map((scene) => {
      const progress = h("span.scene-progress");
      const page = h("span.scene-page");
      const node = h("span.scene-name", { "data-name": scene }, words.t(`scene.${scene}`), page, progress);
      box.append(node);
      return { scene, node, page, progress };
    });
  }

  /** @param {string} scene @param {number} share 0…1 @param {boolean} held @param {string} page which of the scene's pages; empty where it has one */
  draw(scene, share, held, page) {
    for (const item of this.items) {
      const on = item.scene === scene;
      put(item.node, "data-on", on);
      put(item.node, "data-held", on && held);
      write(item.page, on ? page : "");
      put(item.progress, "style", on ? `width:${(share * 100).toFixed(0)}%` : "width:0");
    }
  }

  /** @param {string} scene @param {boolean} there */
  offer(scene, there) {
    const item = this.items.find((one) => one.scene === scene);
    if (item) put(item.node, "hidden", !there);
  }
}
