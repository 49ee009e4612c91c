/** Cameras, microphones and loudspeakers: opening them, which there are, and in plain words why one is not to be had. */

/** @typedef {"microphone" | "camera"} Kind */
/** @typedef {"insecure" | "denied" | "missing" | "busy"} Cause */
/** @typedef {{track: MediaStreamTrack | null, cause: Cause | null}} Opened */
/** Device ids: "" for any, null for none. @typedef {{microphone: string | null, camera: string | null, speaker: string}} Chosen */

const KEEP = "fenghuo-room-devices";
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 20, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** @param {Kind} kind @param {string} id @returns {MediaTrackConstraints} */
function constraints(kind, id) {
  const base = kind === "microphone" ? MICROPHONE : CAMERA;
  return id === "" ? base : { ...base, deviceId: { exact: id } };
}

/** @param {unknown} error @returns {Cause} */
function causeOf(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "missing";
}

/**
 * Open one device; where the chosen one is gone, any other of its kind.
 * @param {Kind} kind
 * @param {string | null} id
 * @returns {Promise<Opened>}
 */
export async function open(kind, id) {
  if (id === null) return { track: null, cause: null };
  if (navigator.mediaDevices === undefined) return { track: null, cause: "insecure" };
  try {
    const asked = constraints(kind, id);
    const stream = await navigator.mediaDevices.getUserMedia(kind === "microphone" ? { audio: asked } : { video: asked });
    return { track: stream.getTracks()[0], cause: null };
  } catch (error) {
    const cause = causeOf(error);
    return id !== "" && cause !== "denied" ? open(kind, "") : { track: null, cause };
  }
}

/**
 * Open both with one question to the person; each by itself where that fails, so that one that fails does not take the other away.
 * @param {{microphone: string | null, camera: string | null}} chosen
 * @returns {Promise<{microphone: Opened, camera: Opened}>}
 */
export async function openBoth(chosen) {
  if (chosen.microphone !== null && chosen.camera !== null && navigator.mediaDevices !== undefined) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: constraints("microphone", chosen.microphone),
        video: constraints("camera", chosen.camera),
      });
      return { microphone: { track: stream.getAudioTracks()[0], cause: null }, camera: { track: stream.getVideoTracks()[0], cause: null } };
    } catch {
      // Each alone then, which also says which of them it was.
    }
  }
  return { microphone: await open("microphone", chosen.microphone), camera: await open("camera", chosen.camera) };
}

/** The devices that there are. @returns {Promise<{microphone: MediaDeviceInfo[], camera: MediaDeviceInfo[], speaker: MediaDeviceInfo[]}>} */
export async function list() {
  const all = navigator.mediaDevices === undefined ? [] : await navigator.mediaDevices.enumerateDevices();
  /** @param {MediaDeviceKind} kind */
  const of = (kind) => all.filter((one) => one.kind === kind);
  return { microphone: of("audioinput"), camera: of("videoinput"), speaker: of("audiooutput") };
}

/** Whether this browser lets a page choose the loudspeaker. */
export function choosesSpeaker() {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** What was chosen last time. @returns {Chosen} */
export function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEEP) ?? "{}");
    /** @param {unknown} id */
    const one = (id) => (id === null ? null : String(id ?? ""));
    return { microphone: one(kept.microphone), camera: one(kept.camera), speaker: String(kept.speaker ?? "") };
  } catch {
    return { microphone: "", camera: "", speaker: "" };
  }
}

/** @param {Partial<Chosen>} chosen */
export function remember(chosen) {
  localStorage.setItem(KEEP, JSON.stringify({ ...remembered(), ...chosen }));
}
