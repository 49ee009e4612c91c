"""A session: the life of one connection of a participant, from its first STUN check to its end: address, keys, liveness.

What it sends is its `upstream`, what it receives its `downstream`. It owns its DTLS association, its streams and its slots; `close` ends
them in that order, once. The room owns the session.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Literal

from aiortc import RTCCertificate

from conference.media import dtls, rtcp
from conference.media.downstream import Downstream
from conference.media.fanout import Fanout
from conference.media.negotiate import Offer
from conference.media.sources import Sources
from conference.media.srtp import Direction
from conference.media.stats import Counters
from conference.media.udp import UdpPort
from conference.media.upstream import Upstream
from foundation.errors import ProtocolError
from foundation.loops import survived

LOST_AFTER_S = 3.0
CLOSED_AFTER_S = 15.0
RTP_HEADER_BYTES = 12
Offence = Literal["flood", "not_granted"]
PACKETS_PER_S_MAX = 10_000
"""Ten times what a camera with all its layers, a screen, a voice and what is sent again make together."""
UNGRANTED_PER_S_MAX = 20
"""Of who may send nothing at all, a listener. (Whoever is muted, or has not the floor, may send on: it is dropped, and no offence.)"""
DEAF_S = 5.0
OFFENCE_AGAIN_S = 60.0
CHECKS_KEPT = 512
"""Checks that are known again: some minutes of them."""
RTCP_BYTES_MAX = 1100
"""A compound is cut below this: with what DTLS and IP put around it, it stays below the usual MTU."""

log = logging.getLogger(__name__)


class Session:
    """One connection. `on_connected` and `on_closed(reason)` tell the room; `on_closed` may come at any time, once."""

    def __init__(
        self,
        name: str,
        participant: str,
        offer: Offer,
        publish: Iterable[str],
        *,
        subscribe: bool,
        port: UdpPort,
        fanout: Fanout,
        counters: Counters,
        certificate: RTCCertificate,
        clock: Callable[[], float],
    ) -> None:
        """LookupError when the port has no free destination. `clock` gives monotonic seconds."""
        now = clock()
        self.name = name
        self.participant = participant
        self.renew_credentials()
        self.key: bytes | None = None
        self.local = b""
        self.receiving: Direction | None = None
        self.receive_handle: object = None
        self.last_at = now
        self.state = "new"
        self.told_line: dict[str, object] = {}
        self.came = 0
        """Packets of media and of control under its own keys since the room last looked: what others send in its name does not count."""
        self.deaf_until = 0.0
        """Until when its sound and pictures are not even decrypted: it has sent too much, or what it may not."""
        self._flooding = False
        self._offence_told_at = -OFFENCE_AGAIN_S
        self.report_at = now
        """When the room reports for it next; each session has its own moment."""
        self.beat_at = now
        """When the room sends it a sign of life next."""
        self.choose_at = 0.0
        """When the room chooses its pictures next."""
        self.on_connected: Callable[[], None] = lambda: None
        self.on_closed: Callable[[str], None] = lambda _reason: None
        self._fingerprints = offer.fingerprints
        self._is_server = offer.setup != "passive"
        self._port = port
        self._counters = counters
        self._certificate = certificate
        self._source = b""
        self._checks: dict[bytes, bytes] = {}
        self._sending: Direction | None = None
        self._dtls: dtls.Endpoint | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._destination = port.allocate()
        self.sources = Sources(participant, offer, publish)
        self.upstream = Upstream(offer, self.sources, fanout=fanout, counters=counters, send_rtcp=self.send_rtcp)
        self.downstream = Downstream(
            offer, subscribe=subscribe, fanout=fanout, counters=counters, clock=clock, send_rtcp=self.send_rtcp
        )

    # The link

    def renew_credentials(self) -> None:
        """The ICE user name and password that checks must show from now on; the way in use stays until one of them nominates another."""
        self.ufrag = secrets.token_hex(4)
        self.password = secrets.token_hex(16)
        self.password_bytes = self.password.encode()

    def source_towards(self, key: bytes, local: bytes) -> bytes:
        """The source address that answers to `key` need (empty: the kernel's choice)."""
        if self.key == key and self.local == local:
            return self._source
        return self._port.source_for(key, local)

    def replayed(self, transaction: bytes, key: bytes) -> bool:
        """Whether an authentic check was heard before, and not from `key`: somebody sends on what was written along.

        ICE itself knows no replay; without this one copied check would lead a person's media away until their own next one.
        """
        if self._checks.setdefault(transaction, key) != key:
            return True
        if len(self._checks) > CHECKS_KEPT:
            del self._checks[next(iter(self._checks))]
        return False

    def reach(self, key: bytes, local: bytes, source: bytes, *, nominate: bool) -> bool:
        """An authentic check came from `key` to our address `local`; returns whether packets go that way from now on.

        The first one is learned, another only when the browser nominates it (USE-CANDIDATE, RFC 8445 section 7.3.1.5).
        """
        if (self.key == key and self.local == local) or (self.key is not None and not nominate):
            return False
        self.key, self.local, self._source = key, local, source
        self.downstream.aim(*self._port.aim(self._destination, key, source))
        if self._dtls is None:
            self._dtls = dtls.endpoint(
                self._certificate,
                self._send_dtls,
                lambda: self.end("dtls_closed"),
                server=self._is_server,
                encoder=not self.downstream.slots,
            )
            self._handshake = asyncio.get_running_loop().create_task(self._shake_hands(self._dtls))
        return True

    def _send_dtls(self, data: bytes) -> None:
        if self.key is not None:
            self._port.send_to(data, self.key, self._source)

    async def _shake_hands(self, link: dtls.Endpoint) -> None:
        try:
            receiving, sending = await link.handshake(self._fingerprints)
        except ProtocolError as error:
            self._counters.drop("dtls_failed")
            log.warning(
                "a DTLS handshake failed",
                extra={"session": self.name, "reason": error.detail.get("reason", error.code)},
            )
            self.end(str(error.detail.get("reason", error.code)))
            return
        except Exception:  # noqa: BLE001 - whatever a peer makes the library raise ends this session and nothing else
            survived("media.dtls")
            self.end("dtls_failed")
            return
        if self.state == "closed":
            return
        self.receiving, self._sending = receiving, sending
        self.receive_handle = receiving.handle
        self.downstream.unlock(sending)
        self.state = "connected"
        self.on_connected()

    def feed_dtls(self, data: bytes) -> None:
        """Take one DTLS datagram from the session's address."""
        if self._dtls is None or not self._dtls.feed(data):
            self._counters.drop("dtls_queue_full")

    @property
    def connected(self) -> bool:
        """Whether keys are there: only then slots may be attached."""
        return self._sending is not None and self.state != "closed"

    # Feedback, both ways

    def receive_rtcp(self, data: bytes, now: float) -> None:
        """Take one encrypted compound RTCP packet."""
        if self.receiving is None or self._flooding:
            self._counters.drop("throttled" if self._flooding else "before_keys")
            return
        plain = self.receiving.unprotect_rtcp(data)
        if plain is None:
            self._counters.drop("srtcp_unprotect")
            return
        self.came += 1
        try:
            feedback = rtcp.parse(plain)
        except ProtocolError as error:
            self._counters.drop(error.code)
            return
        self.upstream.take_reports(feedback.senders, now)
        self.downstream.take_feedback(feedback, now)

    def recognizes(self, data: bytes, now: float) -> bool:
        """Whether this packet from elsewhere was protected under our keys, and is no replay; if it is sound or picture, it is taken."""
        if self.receiving is None or len(data) < RTP_HEADER_BYTES or now < self.deaf_until:
            return False
        if 191 < data[1] < 224:  # RTCP, RFC 5761 section 4
            return self.receiving.unprotect_rtcp(data) is not None
        plain = self.receiving.unprotect(data)
        if plain is not None:
            self.upstream.receive(plain, now)
        return plain is not None

    def judge(self, now: float) -> Offence | None:
        """Once a second: whether it sends too much, or media without any grant; what its hosts are to be told, most often nothing.

        It is then not heard for DEAF_S: what it sends costs the node next to nothing, and the others nothing at all.
        """
        came, refused = self.came, self.upstream.refused
        self.came = self.upstream.refused = 0
        if now < self.deaf_until or self.receiving is None:
            return None
        self.receive_handle, self._flooding = self.receiving.handle, False
        offence: Offence | None = None
        if came > PACKETS_PER_S_MAX:
            offence = "flood"
        elif refused > UNGRANTED_PER_S_MAX and not self.sources.granted:
            offence = "not_granted"
        if offence is None:
            return None
        self._flooding = offence == "flood"
        self.receive_handle, self.deaf_until = None, now + DEAF_S
        if now - self._offence_told_at < OFFENCE_AGAIN_S:
            return None
        self._offence_told_at = now
        return offence

    def grant(self, publish: Iterable[str], version: int) -> None:
        """What its participant may send from now on (`Sources.grant`); who may send at all is heard again at once."""
        self.sources.grant(publish, version)
        if self.sources.granted and self.receiving is not None and not self._flooding:
            self.receive_handle, self.deaf_until = self.receiving.handle, 0.0

    def send_rtcp(self, data: bytes) -> None:
        """Encrypt and send one compound packet."""
        if self._sending is None or self.key is None:
            return
        secret = self._sending.protect_rtcp(data)
        if secret is not None:
            self._port.send_to(secret, self.key, self._source)

    def ask_again(self, now: float) -> bool:
        """Send the NACKs that are due; returns whether anything is still missing."""
        return self.upstream.ask_again(now, self.downstream.round_trip_s)

    def report(self, now: float) -> None:
        """Once a second: reports and REMB upward, sender reports for the slots downward."""
        message = self.upstream.report(now) + self.downstream.report(now)
        while message:
            part, message = rtcp.split(message, RTCP_BYTES_MAX)
            self.send_rtcp(part)

    def beat(self) -> None:
        """A sign of life: a report of nothing, RFC 3550 section 6.4.2."""
        self.send_rtcp(self.upstream.empty_report)

    def line(self, now: float) -> dict[str, object]:
        """The `line` event of docs/room-protocol.md: what this line carries, measured, and what should be sent on it."""
        return {
            "step": self.downstream.step,
            "bps": _rounded(self.downstream.link.budget_bps),
            "loss": round(self.downstream.link.loss, 2),
            "send": self.upstream.wanted(now),
        }

    # The end

    def end(self, reason: str) -> None:
        """Tell the room that the session is over; it then calls `close`."""
        if self.state != "closed":
            self.on_closed(reason)

    def close(self) -> None:
        """Close DTLS, streams, slots, in this order; what others showed of it goes dark. Safe to call twice."""
        if self.state == "closed":
            return
        self.state = "closed"
        if self._dtls is not None:
            self._closing = asyncio.get_running_loop().create_task(self._close_dtls(self._dtls, self._handshake))
        self.sources.close()
        self.downstream.close()
        self._port.release(self._destination)

    async def _close_dtls(self, link: dtls.Endpoint, handshake: asyncio.Task[None] | None) -> None:
        try:
            await link.close()
        except Exception:  # noqa: BLE001 - the association is over anyway
            survived("media.dtls")
        if handshake is not None and handshake is not asyncio.current_task() and not handshake.done():
            handshake.cancel()

    def describe(self, now: float) -> dict[str, object]:
        """Figures for `node.stats`."""
        return {
            "session": self.name,
            "participant": self.participant,
            "state": self.state,
            "silent_s": round(now - self.last_at, 2),
            "line": {
                "step": self.downstream.step,
                "down_bps": self.downstream.link.budget_bps,
                "down_loss": round(self.downstream.link.loss, 3),
                "up_bps": self.upstream.link.estimate_bps,
                "up_loss": round(self.upstream.loss, 3),
                "round_trip_ms": round(self.downstream.round_trip_s * 1000),
                "freezes": sum(slot.freezes for slot in self.downstream.pictures),
            },
            "streams": self.upstream.describe(),
            "slots": self.downstream.describe(),
        }


def _rounded(bits_per_second: int) -> int:
    """To two digits: people are told when something changed, not every second."""
    digits = max(0, len(str(bits_per_second)) - 2)
    return int(round(bits_per_second, -digits))
