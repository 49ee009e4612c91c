/** Which scene is on: each in turn for its time, unless an incident takes the screen; pure, time is given. */

export class Rotation {
  #index = 0;
  #since;
  /** @type {{scene: string, until: number} | null} */
  #held = null;

  /**
   * @param {string[]} scenes in their order
   * @param {{sceneMs: number, holdMs: number, timeOf?: (scene: string) => number}} timing sceneMs 0: the scene stays until something is promoted; timeOf: a
   *   scene's own time, where it is not sceneMs
   * @param {number} now
   */
  constructor(scenes, timing, now) {
    this.scenes = scenes;
    this.timing = timing;
    this.#since = now;
  }

  /**
   * Give the screen to `scene` for the hold time; a second promotion begins the time anew.
   *
   * @param {string} scene
   * @param {number} now
   */
  promote(scene, now) {
    this.#held = { scene, until: now + this.timing.holdMs };
  }

  /** End a hold early, for instance because its incident was closed. */
  release() {
    this.#held = null;
  }

  get holding() {
    return this.#held !== null;
  }

  #time() {
    return this.timing.timeOf?.(this.scenes[this.#index] ?? "") ?? this.timing.sceneMs;
  }

  /**
   * The scene at `now`, and how much of its time is over (0…1).
   *
   * @param {number} now
   * @returns {{scene: string, share: number, held: boolean}}
   */
  at(now) {
    if (this.#held !== null) {
      const left = this.#held.until - now;
      if (left > 0) return { scene: this.#held.scene, share: 1 - left / this.timing.holdMs, held: true };
      this.#held = null;
      this.#since = now;
    }
    // Scenes come and go (an incident's is there only while it is open).
    this.#index %= Math.max(1, this.scenes.length);
    let sceneMs = this.#time();
    if (sceneMs > 0 && now - this.#since >= sceneMs) {
      this.#index = (this.#index + 1) % Math.max(1, this.scenes.length);
      this.#since = now;
      sceneMs = this.#time();
    }
    const share = sceneMs > 0 ? (now - this.#since) / sceneMs : 0;
    return { scene: this.scenes[this.#index] ?? "", share, held: false };
  }
}
