/** A session: one peer connection with its one offer, what is sent over it and which slot each of its receiving places is. Closed as a whole. */

import { Pulse } from "./pulse.js";

/** @typedef {import("./wire.js").Shown} Shown */
/** @typedef {{audio: MediaStreamTrack | null, camera: MediaStreamTrack | null, screen: MediaStreamTrack | null}} Sending */
/**
 * What one slot receives.
 * @typedef {{slot: string, kind: string, source: string | null, framesDecoded: number, framesDropped: number, decodeSeconds: number, packetsLost: number, freezeCount: number, jitter: number,
 *   packetsReceived: number, bytesReceived: number, audioEnergy: number, frameHeight: number}} Received
 */
/**
 * What the own camera sends: bytes of all layers so far, the height of the largest that goes out, and whether the processor is what limits it.
 * @typedef {{bytesSent: number, frameHeight: number, limited: boolean}} Sent
 */

/** @type {RTCConfiguration} */
const PEER = { bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" };
const AUDIO_SLOTS = 3;
/** The three layers of a camera; the smallest comes first, as browsers give up the last ones first. */
const LAYERS = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 120_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 400_000 },
  { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];
/** From these heights on Chromium sends three layers, two (libwebrtc, simulcast.cc); of a smaller camera it sends one, which must not be a quarter of it. */
const THREE_LAYERS_PX = 540;
const TWO_LAYERS_PX = 270;
/** Speech is clear at this rate, and a weak line carries it. */
const VOICE_BPS = 24_000;
/** Three packets of sound and their jitter: so late comes what was lost twice. */
const PATIENCE_MS = 120;
/** What the node takes. With all that a browser knows, an offer for sixteen slots would be larger than the node lets in (64 KiB). */
const CODECS = {
  audio: (/** @type {RTCRtpCodec} */ { mimeType }) => /\/(opus|red)$/i.test(mimeType),
  video: (/** @type {RTCRtpCodec} */ { mimeType, sdpFmtpLine = "" }) => /\/(VP8|rtx)$/i.test(mimeType) || (/\/H264$/i.test(mimeType) && /packetization-mode=1/.test(sdpFmtpLine) && /42e01f/i.test(sdpFmtpLine)),
};
const SCREEN_ENCODING = { maxBitrate: 2_500_000, maxFramerate: 10 };

export class Session {
  /** @param {string} id @param {number} videoSlots how many pictures it can receive */
  constructor(id, videoSlots) {
    this.id = id;
    this.videoSlots = videoSlots;
    this.peer = new RTCPeerConnection(PEER);
    // The order of docs/room-protocol.md, "The offer and the answer": the node numbers slots by place.
    this.microphone = this.peer.addTransceiver("audio", { direction: "sendonly", sendEncodings: [{ maxBitrate: VOICE_BPS }] }).sender;
    this.camera = this.peer.addTransceiver("video", { direction: "sendonly", sendEncodings: LAYERS.map((layer) => ({ ...layer })) }).sender;
    this.screen = this.peer.addTransceiver("video", { direction: "sendonly", sendEncodings: [{ ...SCREEN_ENCODING }] }).sender;
    for (let index = 0; index < AUDIO_SLOTS; index += 1) this.peer.addTransceiver("audio", { direction: "recvonly" });
    for (let index = 0; index < videoSlots; index += 1) this.peer.addTransceiver("video", { direction: "recvonly" });
    for (const transceiver of this.peer.getTransceivers()) narrow(transceiver);
    /** @type {Map<string, string>} mid → slot */
    this.slotOfMid = new Map();
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
    /** @type {Promise<void>} a sender takes one change of its parameters after the other; of two at once the second would be lost */
    this.changing = Promise.resolve();
    /** Which layers of the camera are asked for, and how many of them a browser really sends of it. */
    this.layers = LAYERS.map((layer) => layer.rid);
    this.sendable = LAYERS.length;
    /** @type {() => void} its link came, went, fell silent or is heard again */
    this.onturn = () => undefined;
    this.pulse = new Pulse(this.peer, () => this.onturn());
    this.peer.onconnectionstatechange = () => {
      if (this.peer.connectionState === "connected") this.pulse.start();
      this.onturn();
    };
  }

  /** Use these relays where nothing else gets through; before the offer is made. @param {RTCIceServer[]} iceServers */
  relayBy(iceServers) {
    this.peer.setConfiguration({ ...PEER, iceServers });
  }

  /** Whether it may be asked for pictures: the node has answered its offer. */
  get answered() {
    return this.slotOfMid.size > 0;
  }

  /** Whether the camera goes out in layers. */
  get simulcast() {
    return this.camera.getParameters().encodings.length > 1;
  }

  /** Whether its link stands and anything comes over it. */
  get lives() {
    return this.peer.connectionState === "connected" && !this.pulse.silent;
  }

  /** Send these from the offer on. @param {Sending} sending */
  async send(sending) {
    await this.microphone.replaceTrack(sending.audio);
    await this.setCamera(sending.camera);
    await this.screen.replaceTrack(sending.screen);
  }

  /** Send this camera, in as many layers as its size allows; null sends none. @param {MediaStreamTrack | null} track */
  async setCamera(track) {
    await this.camera.replaceTrack(track);
    const { width = 0, height = 0 } = track?.getSettings() ?? {};
    const lines = Math.min(width, height);
    if (lines === 0 || !this.simulcast) return;
    this.sendable = lines >= THREE_LAYERS_PX ? 3 : lines >= TWO_LAYERS_PX ? 2 : 1;
    await this.#shapeCamera();
  }

  /** Send only these layers of the camera: nobody sees the others, or the line does not carry them. @param {string[]} layers */
  async limitCamera(layers) {
    this.layers = layers;
    await this.#shapeCamera();
  }

  #shapeCamera() {
    this.changing = this.changing.then(async () => {
      const parameters = this.camera.getParameters();
      const before = JSON.stringify(parameters.encodings);
      const last = this.sendable - 1;
      // A layer that is not sent for want of size is stood in for by the largest that is: otherwise nothing would go out.
      const beyond = LAYERS.some(({ rid }, index) => index > last && this.layers.includes(rid));
      parameters.encodings.forEach((encoding, index) => {
        encoding.scaleResolutionDownBy = 2 ** Math.max(0, last - index);
        encoding.active = this.layers.includes(encoding.rid ?? "") || (beyond && index === last);
      });
      if (JSON.stringify(parameters.encodings) === before) return;
      // A browser that refuses goes on as it is.
      await this.camera.setParameters(parameters).catch(() => undefined);
    });
    return this.changing;
  }

  /** Send each word twice (redundant sound), or once where the line is too weak for that. @param {boolean} twice */
  async repeatVoice(twice) {
    const parameters = /** @type {any} */ (this.microphone.getParameters());
    const [encoding] = parameters.encodings;
    // The browser that cannot choose a codec for a running sender leaves this list empty, and goes on as it is.
    const codec = parameters.codecs?.find((/** @type {RTCRtpCodec} */ one) => one.mimeType.toLowerCase() === (twice ? "audio/red" : "audio/opus"));
    if (encoding === undefined || codec === undefined || encoding.codec?.mimeType === codec.mimeType || (twice && encoding.codec === undefined)) return;
    encoding.codec = codec;
    await this.microphone.setParameters(parameters);
  }

  /** Wait a moment longer for each word: on a line that loses much, one that is missing comes with those behind it. @param {boolean} patient */
  waitForVoices(patient) {
    for (const { receiver } of this.peer.getTransceivers()) {
      if (receiver.track.kind === "audio" && "jitterBufferTarget" in receiver) receiver.jitterBufferTarget = patient ? PATIENCE_MS : null;
    }
  }

  /** The one offer. @returns {Promise<string | undefined>} its SDP */
  async offer() {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    return this.peer.localDescription?.sdp;
  }

  /** Take the one answer. @param {{sdp: string, slots: {mid: string, slot: string}[]}} answer */
  async accept(answer) {
    for (const { mid, slot } of answer.slots) this.slotOfMid.set(mid, slot);
    await this.peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  }

  /** The receiving track of each slot. @returns {[string, MediaStreamTrack][]} */
  tracks() {
    return this.peer.getTransceivers().flatMap((transceiver) => {
      const slot = this.slotOfMid.get(transceiver.mid ?? "");
      return slot === undefined ? [] : [/** @type {[string, MediaStreamTrack]} */ ([slot, transceiver.receiver.track])];
    });
  }

  /** @returns {Promise<Received[]>} */
  async stats() {
    /** @type {Map<string, any>} */
    const inbound = new Map();
    for (const entry of (await this.peer.getStats()).values()) {
      if (entry.type === "inbound-rtp") inbound.set(this.slotOfMid.get(entry.mid) ?? "", entry);
    }
    return [...this.slotOfMid.values()].map((slot) => {
      const entry = inbound.get(slot) ?? {};
      const shown = this.shown.get(slot);
      return {
        slot,
        kind: shown?.kind ?? (slot.startsWith("a") ? "audio" : "camera"),
        source: shown?.participant ?? null,
        framesDecoded: entry.framesDecoded ?? 0,
        framesDropped: entry.framesDropped ?? 0,
        decodeSeconds: entry.totalDecodeTime ?? 0,
        packetsLost: entry.packetsLost ?? 0,
        freezeCount: entry.freezeCount ?? 0,
        jitter: entry.jitter ?? 0,
        packetsReceived: entry.packetsReceived ?? 0,
        bytesReceived: entry.bytesReceived ?? 0,
        audioEnergy: entry.totalAudioEnergy ?? 0,
        frameHeight: entry.frameHeight ?? 0,
      };
    });
  }

  /** What the camera sends. @returns {Promise<Sent>} */
  async sent() {
    const sent = { bytesSent: 0, frameHeight: 0, limited: false };
    for (const entry of (await this.camera.getStats()).values()) {
      if (entry.type !== "outbound-rtp") continue;
      sent.bytesSent += entry.bytesSent ?? 0;
      if (entry.active === false) continue;
      sent.frameHeight = Math.max(sent.frameHeight, entry.frameHeight ?? 0);
      sent.limited ||= entry.qualityLimitationReason === "cpu";
    }
    return sent;
  }

  close() {
    this.onturn = () => undefined;
    this.pulse.stop();
    this.peer.close();
  }
}

/** Offer only what the node takes; a browser that cannot choose offers all. @param {RTCRtpTransceiver} transceiver */
function narrow(transceiver) {
  const kind = transceiver.receiver.track.kind === "audio" ? "audio" : "video";
  const kept = (RTCRtpReceiver.getCapabilities?.(kind)?.codecs ?? []).filter(CODECS[kind]);
  if (kept.some(({ mimeType }) => /\/(opus|VP8|H264)$/i.test(mimeType))) transceiver.setCodecPreferences?.(kept);
}

/**
 * A random UUID; `crypto.randomUUID` exists only on https and localhost.
 * @returns {string}
 */
export function newSessionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
