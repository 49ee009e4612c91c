/** How it rings: a tone, the phone's vibration, the page's title, and a notification where the page is out of sight and may. */

const VIBRATION = [600, 300, 600, 1500];
const ROUND_MS = 3000;
const TITLE_MS = 1000;
/** Two tones of a telephone, twice in a round; seconds. */
const TONES = [0, 0.9];
const TONE_S = 0.6;
const HERTZ = [880, 1109];
const LOUDNESS = 0.25;

export class Bell {
  /** @type {AudioContext | null} */
  #audio = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #round;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #titles;
  #title = "";
  /** @type {Notification | null} */
  #notification = null;

  /** @param {() => void} turned the browser lets sound through now, or it no longer does */
  constructor(turned) {
    this.turned = turned;
    // Any touch counts; pointerdown alone is not one to a browser.
    for (const what of ["pointerup", "keydown", "touchend"]) addEventListener(what, () => void this.#open(), { capture: true, passive: true });
  }

  /** Whether the browser lets sound through. Known once it was tried. */
  get audible() {
    return this.#audio?.state === "running";
  }

  /** Try whether sound is let through without a touch, as on a screen that was set up for it. */
  async prepare() {
    await this.#open();
    this.turned();
  }

  async #open() {
    if (this.audible) return;
    this.#audio ??= new AudioContext();
    this.#audio.onstatechange = () => this.turned();
    // Where it is held back this waits for a touch: nobody waits for it.
    void this.#audio.resume().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  /** @param {string} title */
  ring(title) {
    if (this.#round !== undefined) return;
    this.#once();
    this.#round = setInterval(() => this.#once(), ROUND_MS);
    this.#title = document.title;
    this.#titles = setInterval(() => {
      document.title = document.title === title ? this.#title : title;
    }, TITLE_MS);
    if (document.visibilityState === "hidden" && "Notification" in window && Notification.permission === "granted") {
      try {
        this.#notification = new Notification(title, { tag: "fenghuo-ring", requireInteraction: true });
        this.#notification.onclick = () => window.focus();
      } catch {
        // Phones allow it to service workers only.
      }
    }
  }

  still() {
    if (this.#round === undefined) return;
    clearInterval(this.#round);
    clearInterval(this.#titles);
    this.#round = undefined;
    document.title = this.#title;
    this.#notification?.close();
    this.#notification = null;
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(0);
  }

  #once() {
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATION);
    const audio = this.#audio;
    if (audio === null || audio.state !== "running") return;
    for (const offset of TONES) {
      const gain = audio.createGain();
      const from = audio.currentTime + offset;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(LOUDNESS, from + 0.02);
      gain.gain.setValueAtTime(LOUDNESS, from + TONE_S - 0.05);
      gain.gain.linearRampToValueAtTime(0, from + TONE_S);
      gain.connect(audio.destination);
      for (const hertz of HERTZ) {
        const tone = new OscillatorNode(audio, { frequency: hertz });
        tone.connect(gain);
        tone.start(from);
        tone.stop(from + TONE_S);
      }
    }
  }
}
