/** Cameras and microphones: opening them, choosing among them, how loud one speaks, and in plain words why one is not to be had. */

/** @typedef {"insecure" | "denied" | "missing" | "no_camera" | "no_microphone" | "busy"} Trouble */

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 20, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const LEVEL_PERIOD_MS = 100;
/** Silence and loud speech on the level bar, decibels below full scale. */
const LEVEL_FLOOR_DB = -60;

/** @param {unknown} error @returns {Trouble} */
function troubleOf(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "missing";
}

/**
 * Open the devices that were chosen, each by itself: one that fails does not take the other away.
 * @param {{microphone: string | null, camera: string | null}} chosen device ids; "" for any, null for none
 * @returns {Promise<{audio: MediaStreamTrack | null, camera: MediaStreamTrack | null, trouble: Trouble | null}>}
 */
export async function open(chosen) {
  if (navigator.mediaDevices === undefined) return { audio: null, camera: null, trouble: "insecure" };
  /** @param {"audio" | "video"} kind @param {string | null} id @returns {Promise<{track: MediaStreamTrack | null, trouble: Trouble | null}>} */
  const one = async (kind, id) => {
    if (id === null) return { track: null, trouble: null };
    const base = kind === "audio" ? MICROPHONE : CAMERA;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ [kind]: id === "" ? base : { ...base, deviceId: { exact: id } } });
      return { track: stream.getTracks()[0], trouble: null };
    } catch (error) {
      return { track: null, trouble: troubleOf(error) };
    }
  };
  if (chosen.microphone !== null && chosen.camera !== null) {
    try {
      // Both in one question: the person is asked once.
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: chosen.microphone === "" ? MICROPHONE : { ...MICROPHONE, deviceId: { exact: chosen.microphone } },
        video: chosen.camera === "" ? CAMERA : { ...CAMERA, deviceId: { exact: chosen.camera } },
      });
      return { audio: stream.getAudioTracks()[0], camera: stream.getVideoTracks()[0], trouble: null };
    } catch (error) {
      if (troubleOf(error) === "denied") return { audio: null, camera: null, trouble: "denied" };
    }
  }
  const microphone = await one("audio", chosen.microphone);
  const camera = await one("video", chosen.camera);
  return { audio: microphone.track, camera: camera.track, trouble: together(microphone, camera, chosen) };
}

/**
 * @param {{track: MediaStreamTrack | null, trouble: Trouble | null}} microphone
 * @param {{track: MediaStreamTrack | null, trouble: Trouble | null}} camera
 * @param {{microphone: string | null, camera: string | null}} chosen
 * @returns {Trouble | null}
 */
function together(microphone, camera, chosen) {
  if (microphone.trouble === null && camera.trouble === null) return null;
  if (microphone.trouble === "busy" || camera.trouble === "busy") return "busy";
  if (microphone.trouble === null && chosen.microphone !== null) return "no_camera";
  if (camera.trouble === null && chosen.camera !== null) return "no_microphone";
  return microphone.trouble ?? camera.trouble;
}

/** A camera alone, for turning it on in the room. @param {string} id "" for any @returns {Promise<{track: MediaStreamTrack | null, trouble: Trouble | null}>} */
export async function openCamera(id) {
  const { camera, trouble } = await open({ microphone: null, camera: id });
  return { track: camera, trouble };
}

/** The devices that there are, by kind. @returns {Promise<{microphones: MediaDeviceInfo[], cameras: MediaDeviceInfo[]}>} */
export async function list() {
  const all = navigator.mediaDevices === undefined ? [] : await navigator.mediaDevices.enumerateDevices();
  return { microphones: all.filter((one) => one.kind === "audioinput"), cameras: all.filter((one) => one.kind === "videoinput") };
}

/**
 * Tell how loud a microphone is, ten times a second, until the returned function is called.
 * @param {MediaStreamTrack} track
 * @param {(level: number) => void} tell 0 (silence) to 1 (full scale)
 * @returns {() => void} ends it
 */
export function watchLevel(track, tell) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    const decibels = power > 0 ? 10 * Math.log10(power) : LEVEL_FLOOR_DB;
    tell(Math.max(0, Math.min(1, 1 - decibels / LEVEL_FLOOR_DB)));
  }, LEVEL_PERIOD_MS);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
