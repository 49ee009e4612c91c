"""How a device learns to trust this installation's own authority: a page for phones first, its QR code, the certificate, the number to compare.

Served over plain http, too, since who does not trust the authority yet cannot open an https page. What was changed on the way is found by
comparing the fingerprint aloud.
"""

import io
import plistlib
import uuid
from dataclasses import dataclass
from hashlib import sha256

import segno
from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from dashboard.gate import Gate
from dashboard.messages import catalogue
from foundation.settings import Settings

TRUST_PATH = "/trust"
LANGUAGES = (("zh", "中文"), ("en", "English"))
DEVICES = ("android", "ios", "windows", "linux", "firefox")
MARKS = (
    ("Android", "android"),
    ("HarmonyOS", "android"),
    ("iPhone", "ios"),
    ("iPad", "ios"),
    ("Macintosh", "ios"),
    ("Windows", "windows"),
)
"""What a browser's own description holds, and which steps are then shown open; iPads call themselves Macintosh."""
GROUP = 4
GROUPS_IN_A_ROW = 4
IDENTIFIER = "fenghuo.authority"


@dataclass(frozen=True)
class Anchor:
    """The authority's certificate (DER), and what it calls itself."""

    certificate: bytes
    title: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, 64 upper-case hexadecimal digits."""
        return sha256(self.certificate).hexdigest().upper()

    @property
    def spoken(self) -> list[list[str]]:
        """The fingerprint in rows of groups, as two people read it to each other."""
        digits = self.fingerprint
        groups = [digits[at : at + GROUP] for at in range(0, len(digits), GROUP)]
        return [groups[at : at + GROUPS_IN_A_ROW] for at in range(0, len(groups), GROUPS_IN_A_ROW)]

    @property
    def profile(self) -> bytes:
        """The certificate as an iPhone's configuration profile (payload com.apple.security.root)."""
        part = str(uuid.uuid5(uuid.NAMESPACE_OID, self.fingerprint)).upper()
        whole = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.fingerprint} profile")).upper()
        return plistlib.dumps(
            {
                "PayloadType": "Configuration",
                "PayloadVersion": 1,
                "PayloadIdentifier": IDENTIFIER,
                "PayloadUUID": whole,
                "PayloadDisplayName": self.title,
                "PayloadContent": [
                    {
                        "PayloadType": "com.apple.security.root",
                        "PayloadVersion": 1,
                        "PayloadIdentifier": f"{IDENTIFIER}.root",
                        "PayloadUUID": part,
                        "PayloadDisplayName": self.title,
                        "PayloadContent": self.certificate,
                    }
                ],
            }
        )


def create_trust(gate: Gate, settings: Settings, anchor: Anchor, places: list[str]) -> Blueprint:
    """`/trust` and what it offers. `places` are this machine's addresses on its networks, for who reads the page on the machine itself."""
    blueprint = Blueprint("trust", __name__, template_folder="templates")
    public = gate.public("who does not trust us yet must be able to; a certificate is no secret")

    @blueprint.get(TRUST_PATH)
    @public
    def trust_page() -> BaseResponse:
        lang = gate.language()
        texts = catalogue(lang, "trust")
        steps = {
            device: [text for key, text in texts.items() if key.startswith(f"trust.{device}.step.")]
            for device in DEVICES
        }
        host = _host(places)
        page = render_template(
            "trust.html",
            lang=lang,
            t=texts,
            township=settings.township_zh if lang == "zh" else settings.township_en,
            languages=LANGUAGES,
            devices=steps,
            own=_own_device(request.user_agent.string),
            rows=anchor.spoken,
            title=anchor.title,
            here=_plain_address(settings, host),
            there=_secure_address(settings, host),
        )
        response = make_response(page)
        if request.args.get("lang") in dict(LANGUAGES):
            gate.cookies.speak(response, lang)
        return response

    @blueprint.get(f"{TRUST_PATH}/code.svg")
    @public
    def code() -> BaseResponse:
        drawn = io.BytesIO()
        address = _plain_address(settings, _host(places))
        # Dark on light whatever the theme, with the quiet zone: scanners want it so (ISO/IEC 18004 section 9.1).
        segno.make(address, error="m", micro=False).save(
            drawn, kind="svg", scale=8, border=4, dark="#0d1217", light="#ffffff", xmldecl=False
        )
        return Response(drawn.getvalue(), mimetype="image/svg+xml")

    @blueprint.get(f"{TRUST_PATH}/authority.crt")
    @public
    def certificate() -> BaseResponse:
        return Response(
            anchor.certificate, mimetype="application/x-x509-ca-cert", headers=_named("fenghuo-authority.crt")
        )

    @blueprint.get(f"{TRUST_PATH}/authority.mobileconfig")
    @public
    def profile() -> BaseResponse:
        return Response(
            anchor.profile, mimetype="application/x-apple-aspen-config", headers=_named("fenghuo.mobileconfig")
        )

    return blueprint


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _own_device(browser: str) -> str:
    if "Firefox" in browser and "Android" not in browser:
        return "firefox"
    return next((device for mark, device in MARKS if mark in browser), "linux")


def _host(places: list[str]) -> str:
    """How the reader's own device reaches this machine; never a name that means another machine on every device."""
    asked = request.host if request.host.endswith("]") else request.host.rpartition(":")[0] or request.host
    if asked in ("localhost", "127.0.0.1", "[::1]") and places:
        return f"[{places[0]}]" if ":" in places[0] else places[0]
    return asked


def _plain_address(settings: Settings, host: str) -> str:
    return f"http://{host}:{settings.trust_port}{TRUST_PATH}"


def _secure_address(settings: Settings, host: str) -> str:
    return settings.public_url.rstrip("/") or f"https://{host}:{settings.port}"
