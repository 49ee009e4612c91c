// @ts-check
/** A second, minimal client of the media node: it keeps the protocol honest. One offer, one answer, no interface. */

const AUDIO_SLOTS = 3;

/** @param {string} event @param {object} body @returns {Promise<any>} */
async function call(event, body) {
  const response = await fetch(`/call/${event}`, { method: "POST", body: JSON.stringify(body) });
  const answer = await response.json();
  if (answer.error) {
    throw new Error(`${answer.error.code}: ${answer.error.message}`);
  }
  return answer;
}

/** A moving picture with sound, made here. @param {number} hue @param {number} frequency @param {number} width @param {number} height */
function madeStream(hue, frequency, width = 640, height = 360) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  let step = 0;
  setInterval(() => {
    step += 1;
    context.fillStyle = `hsl(${hue} 60% ${30 + (step % 40)}%)`;
    context.fillRect(0, 0, width, height);
    context.fillStyle = "white";
    context.fillRect((step * 7) % (width - 40), 100, 40, 160);
  }, 50);
  const stream = canvas.captureStream(20);
  const audio = new AudioContext();
  const tone = new OscillatorNode(audio, { frequency });
  const gain = new GainNode(audio, { gain: 0.3 });
  const out = audio.createMediaStreamDestination();
  tone.connect(gain).connect(out);
  tone.start();
  stream.addTrack(/** @type {MediaStreamTrack} */ (out.stream.getAudioTracks()[0]));
  return { stream, gain };
}

class Client {
  /** @param {string} room @param {string} participant @param {string} session @param {number} height */
  constructor(room, participant, session, height = 360) {
    this.room = room;
    this.participant = participant;
    this.session = session;
    this.negotiations = 0;
    /** @type {Map<string, RTCRtpTransceiver>} */
    this.slots = new Map();
    this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: [] });
    this.made = madeStream((participant.charCodeAt(0) * 47) % 360, 300 + (participant.charCodeAt(0) % 7) * 50, (height * 16) / 9, height);
  }

  /** @param {{videoSlots?: number, simulcast?: boolean}} options */
  async join({ videoSlots = 4, simulcast = true } = {}) {
    const connection = this.connection;
    const [picture] = this.made.stream.getVideoTracks();
    const [sound] = this.made.stream.getAudioTracks();
    connection.addTransceiver(sound, { direction: "sendonly" });
    this.camera = connection.addTransceiver(picture, {
      direction: "sendonly",
      sendEncodings: simulcast
        ? [
            { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 120_000 },
            { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 350_000 },
            { rid: "f", maxBitrate: 900_000 },
          ]
        : [{ maxBitrate: 600_000 }],
    });
    this.screen = connection.addTransceiver("video", { direction: "sendonly" });
    for (let index = 0; index < AUDIO_SLOTS; index += 1) {
      connection.addTransceiver("audio", { direction: "recvonly" });
    }
    for (let index = 0; index < videoSlots; index += 1) {
      connection.addTransceiver("video", { direction: "recvonly" });
    }
    connection.ontrack = (event) => {
      const element = document.createElement(event.track.kind === "audio" ? "audio" : "video");
      element.srcObject = new MediaStream([event.track]);
      element.autoplay = true;
      document.body.append(element);
    };
    this.negotiations += 1;
    await connection.setLocalDescription(await connection.createOffer());
    const answer = await call("room.offer", {
      room: this.room,
      participant: this.participant,
      session: this.session,
      sdp: connection.localDescription?.sdp,
      grants: { publish: ["audio", "camera", "screen"], subscribe: true },
    });
    await connection.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    for (const { mid, slot } of answer.slots) {
      const transceiver = connection.getTransceivers().find((one) => one.mid === mid);
      if (transceiver) {
        this.slots.set(slot, transceiver);
      }
    }
    return answer.sdp;
  }

  /** @param {{slot: string, participant: string, kind: string, height: number}[]} video */
  async want(video) {
    await call("room.want", { room: this.room, session: this.session, video });
  }

  async shareScreen() {
    const made = madeStream(10, 100);
    await this.screen?.sender.replaceTrack(made.stream.getVideoTracks()[0] ?? null);
  }

  async leave() {
    await call("room.leave", { room: this.room, session: this.session, reason: "left" });
    this.connection.close();
  }

  /** What each slot receives, and what the node says it shows. */
  async stats() {
    const shown = await (await fetch(`/slots/${this.session}`)).json();
    const slots = [];
    for (const [slot, transceiver] of this.slots) {
      const report = await transceiver.receiver.getStats();
      for (const entry of report.values()) {
        if (entry.type === "inbound-rtp") {
          slots.push({
            slot,
            kind: shown[slot]?.kind ?? null,
            source: shown[slot]?.participant ?? null,
            framesDecoded: entry.framesDecoded ?? 0,
            frameHeight: entry.frameHeight ?? 0,
            packetsReceived: entry.packetsReceived,
            packetsLost: entry.packetsLost,
            freezeCount: entry.freezeCount ?? 0,
            keyFramesDecoded: entry.keyFramesDecoded ?? 0,
            totalAudioEnergy: entry.totalAudioEnergy ?? 0,
            concealedSamples: entry.concealedSamples ?? 0,
            totalSamplesReceived: entry.totalSamplesReceived ?? 0,
            pliCount: entry.pliCount ?? 0,
            nackCount: entry.nackCount ?? 0,
          });
        }
      }
    }
    const layers = [];
    for (const entry of (await this.connection.getStats()).values()) {
      if (entry.type === "outbound-rtp" && entry.kind === "video") {
        layers.push({ rid: entry.rid, framesSent: entry.framesSent, pliCount: entry.pliCount, height: entry.frameHeight });
      }
    }
    return { negotiations: this.negotiations, state: this.connection.connectionState, slots, layers };
  }
}

Object.assign(window, { Client });
document.body.dataset.ready = "yes";
