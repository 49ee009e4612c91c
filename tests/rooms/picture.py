"""The picture of a full consultation for the documents: `python -m tests.rooms.picture docs/fourteen.png`.

The command room is a real page; the twelve villages and the mobile unit are connections of a real Chromium that publish by WHIP what is drawn on a
canvas (VP8, encoded and decoded by browsers): nobody sits there, so the pictures are drawn.
"""

import sys
import tempfile
from pathlib import Path

from auth.permissions import Role
from fenghuo.demo.township import TOWNSHIP, VILLAGES
from tests.browser import playwright
from tests.rooms.consultation import Consultation, browser, people_at, until_sees
from tests.serving import ADMIN, Served, build_township

MOBILE = "mobile-1"
VIDEO_SLOTS = 16
SETTLE_MS = 8000
SITES = (
    {TOWNSHIP: ("乡应急指挥室", Role.DUTY)}
    | {site: (zh, Role.VILLAGE) for site, (zh, _) in VILLAGES.items()}
    | {MOBILE: ("移动应急单元", Role.VILLAGE)}
)
SCENES = """
window.sceneOf = (index) => {
  const random = (seed) => () => ((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648);
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const brush = canvas.getContext("2d");
  const dice = random(index * 7919 + 17);
  const hue = 20 + Math.floor(dice() * 25);
  const shade = 58 + dice() * 22;
  const people = 1 + Math.floor(dice() * 2);
  const window_at = 40 + dice() * 320;
  const drawn = () => {
    const now = Date.now() / 1000;
    brush.fillStyle = `hsl(${hue} 18% ${shade}%)`;
    brush.fillRect(0, 0, 640, 360);
    brush.fillStyle = "hsl(205 30% 74%)";
    brush.fillRect(window_at, 40, 190, 130);
    brush.fillStyle = "hsl(130 18% 44%)";
    brush.beginPath();
    brush.moveTo(window_at, 170);
    for (let at = 0; at <= 190; at += 10) brush.lineTo(window_at + at, 132 - 26 * Math.sin(at / 34 + index) - 9 * Math.sin(at / 11));
    brush.lineTo(window_at + 190, 170);
    brush.fill();
    brush.strokeStyle = "#f4f1ea";
    brush.lineWidth = 7;
    brush.strokeRect(window_at, 40, 190, 130);
    for (let person = 0; person < people; person += 1) {
      const middle = people === 1 ? 320 : 210 + person * 220;
      const sway = 3 * Math.sin(now * 1.3 + index + person * 2);
      brush.fillStyle = `hsl(${(index * 47 + person * 90) % 360} 22% 30%)`;
      brush.beginPath();
      brush.ellipse(middle + sway / 2, 372, 106, 138, 0, 0, 7);
      brush.fill();
      brush.fillStyle = "hsl(24 38% 58%)";
      brush.fillRect(middle - 21 + sway, 214, 42, 42);
      brush.beginPath();
      brush.ellipse(middle + sway, 176, 49, 60, 0, 0, 7);
      brush.fill();
      brush.fillStyle = "hsl(20 14% 15%)";
      brush.beginPath();
      brush.ellipse(middle + sway, 146, 53, 37, 0, Math.PI, 0);
      brush.fill();
    }
    brush.fillStyle = "hsl(30 22% 32%)";
    brush.fillRect(0, 318, 640, 42);
  };
  drawn();
  setInterval(drawn, 200);
  return canvas;
};
"""
OWN_SCENE = (
    SCENES
    + """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (asked) => {
  const found = await ask({ audio: true });
  if (asked.video) found.addTrack(window.sceneOf(13).captureStream(5).getVideoTracks()[0]);
  if (!asked.audio) found.removeTrack(found.getAudioTracks()[0]);
  return found;
};
"""
)
PUBLISH = """
async ([address, tokens]) => {
  window.kept = [];
  for (const [index, token] of tokens.entries()) {
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    peer.addTransceiver("audio", { direction: "sendonly" });
    peer.addTransceiver(window.sceneOf(index).captureStream(5).getVideoTracks()[0], { direction: "sendonly" });
    await peer.setLocalDescription(await peer.createOffer());
    const answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
      body: peer.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`${index}: ${answer.status} ${await answer.text()}`);
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    window.kept.push(peer);
  }
}
"""


def main() -> None:
    """Make the picture."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-picture-") as folder, playwright() as running:
        served = Served(Path(folder) / "home", ("serve",), FENGHUO_VIDEO_SLOTS=str(VIDEO_SLOTS))
        build_township(served.home)
        served.create_admin()
        people_at(served.home, SITES)
        served.start()
        try:
            tokens = {site: served.log_in(site, ADMIN[1]) for site in SITES}
            with browser(running) as chromium:
                consultation = Consultation(served, chromium, expected=list(tokens))
                villages = [token for site, token in tokens.items() if site != TOWNSHIP]
                elsewhere = chromium.new_context()
                elsewhere.add_init_script(SCENES)
                page = elsewhere.new_page()
                page.goto(f"{served.url}/login")
                page.evaluate(PUBLISH, [f"{served.url}/whip/{consultation.room}", villages])
                context = consultation.context()
                context.add_init_script(OWN_SCENE)
                officer = consultation.come(TOWNSHIP, context)
                officer.set_viewport_size({"width": 1920, "height": 1080})
                until_sees(officer, len(villages))
                officer.wait_for_timeout(SETTLE_MS)
                officer.screenshot(path=sys.argv[1])
        finally:
            served.stop()


if __name__ == "__main__":
    main()
