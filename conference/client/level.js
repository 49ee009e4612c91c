/** How loud a microphone is, and a tone to try the loudspeaker with. */

const LEVEL_PERIOD_MS = 100;
/** Silence on the level bar, decibels below full scale. */
const LEVEL_FLOOR_DB = -60;
const TONE_HZ = [523, 659, 784];
const NOTE_S = 0.28;
const TONE_GAIN = 0.25;

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

/** Play three notes through a loudspeaker, and wait for their end. @param {string} speakerId "" for the system's own choice */
export async function playTone(speakerId) {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const gain = new GainNode(context, { gain: TONE_GAIN });
  gain.connect(out);
  TONE_HZ.forEach((frequency, index) => {
    const note = new OscillatorNode(context, { frequency });
    note.connect(gain);
    note.start(context.currentTime + index * NOTE_S);
    note.stop(context.currentTime + (index + 1) * NOTE_S);
  });
  const element = document.createElement("audio");
  element.srcObject = out.stream;
  try {
    if (speakerId !== "" && "setSinkId" in element) await element.setSinkId(speakerId);
    await element.play();
    await new Promise((resolve) => setTimeout(resolve, TONE_HZ.length * NOTE_S * 1000 + 150));
  } finally {
    element.srcObject = null;
    await context.close();
  }
}
