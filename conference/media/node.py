"""The media node's process: one UDP port, the rooms, and what web commands (docs/room-protocol.md).

The node closes its rooms, a room its sessions. Media flows on while web is away.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Sequence
from typing import Any

from conference.media import dtls, negotiate, srtp
from conference.media.address import everywhere
from conference.media.announce import announced_addresses
from conference.media.demultiplex import Demultiplexer
from conference.media.fanout import Fanout
from conference.media.link import Handler
from conference.media.links import Links
from conference.media.room import SESSIONS_MAX, WANT_HEIGHT_MAX, Room
from conference.media.session import Session
from conference.media.stats import Counters, PacketCost, cpu_seconds
from conference.media.udp import UdpPort
from conference.media.watchdog import watch_over
from foundation.clock import SystemClock
from foundation.errors import NotFound, ProtocolError
from foundation.loops import error_counts, guarded, survived
from foundation.settings import Settings
from foundation.trust import dialling

TICK_S = 0.1
IDLE_TICK_S = 1.0
COLLECT_EVERY = 20_000
"""Objects that may come into being, beyond those that go, before the collector looks at them: a pause of about a millisecond."""
CANCELS_MAX = 6
NEWS_MAX = 2048
ROOMS_MAX = 256
NAME_CHARACTERS_MAX = 64
SOURCES = ("audio", "camera", "screen")
SYSTEM_CLOCK = SystemClock()

log = logging.getLogger(__name__)


class MediaNode:
    """Rooms and sessions on one UDP port. `start` and `stop` it inside a running loop; `news` holds what web is to be told."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float] = SYSTEM_CLOCK.monotonic, bind: str = ""
    ) -> None:
        """Bind the port (OSError when it is taken), on the address `bind` or everywhere, and make the certificate."""
        self.counters = Counters()
        self._clock = clock
        self._addresses = announced_addresses(settings.media_hosts)
        self._port = UdpPort(bind or everywhere(), settings.media_port, self.counters)
        self._fanout = Fanout(self._port, self.counters)
        self._demultiplexer = Demultiplexer(self._port, self._fanout, self.counters, clock, self._hurry)
        self._certificate = dtls.make_certificate()
        self._fingerprint = dtls.fingerprint(self._certificate)
        self.rooms: dict[str, Room] = {}
        self.news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(NEWS_MAX)
        self._ticker: asyncio.TimerHandle | None = None
        self._tick_due_at = 0.0
        self._kernel_drops = 0
        self._cost = PacketCost()
        self.draining = False
        """Set once by SIGUSR1: web puts no new room here, those that are here are finished."""

    @property
    def name(self) -> str:
        """How web knows this node: where browsers find it first, so no two nodes share it, and a restarted one has it again."""
        return f"{self._addresses[0]}:{self.port}"

    @property
    def port(self) -> int:
        """The UDP port in use."""
        return self._port.port

    @property
    def segmentation(self) -> bool:
        """Whether the kernel takes several datagrams in one call (UDP_SEGMENT)."""
        return self._port.segmentation

    def start(self) -> None:
        """Begin to read the port."""
        asyncio.get_running_loop().add_reader(self._port.socket, self._demultiplexer.readable)
        self._tick()

    async def stop(self) -> None:
        """Close all rooms (DTLS says goodbye), then the port."""
        for room in list(self.rooms.values()):
            room.close("ended")
        self.rooms.clear()
        await asyncio.sleep(0)  # the goodbyes are tasks: let them run once before the socket goes
        if self._ticker is not None:
            self._ticker.cancel()
        self._demultiplexer.close()
        asyncio.get_running_loop().remove_reader(self._port.socket)
        self._port.close()

    def _tick(self) -> None:
        """Do what goes by time; it comes again whatever raises."""
        self._ticker = None
        try:
            self._pass(self._clock())
        except Exception:  # noqa: BLE001 - without the tick no room would see, hear or end anything any more
            survived("media.tick")
        self._wake(TICK_S if self.rooms else IDLE_TICK_S)

    def _pass(self, now: float) -> None:
        for room in list(self.rooms.values()):
            try:
                room.tick(now)
            except Exception:  # noqa: BLE001 - one room must not hold the others up
                survived("media.room")
            if not room.sessions:
                self.rooms.pop(room.name, None)
        drops = self._port.kernel_drops()
        if drops > self._kernel_drops:
            self.counters.drop("kernel", drops - self._kernel_drops)
            self._kernel_drops = drops

    def _wake(self, within_s: float = TICK_S) -> None:
        """Tick in `within_s` seconds at the latest: a tick that is due earlier stays, so that no stream of calls postpones it."""
        loop = asyncio.get_running_loop()
        due_at = loop.time() + within_s
        if self._ticker is not None:
            if self._tick_due_at <= due_at:
                return
            self._ticker.cancel()
        self._tick_due_at = due_at
        self._ticker = loop.call_later(within_s, self._tick)

    def _hurry(self) -> None:
        """The next tick is now."""
        self._wake(0)

    def _tell(self, event: str, payload: dict[str, Any]) -> None:
        try:
            self.news.put_nowait((event, payload))
        except asyncio.QueueFull:
            # Web has been away for long; on its return every living session is told anew.
            self.counters.drop("news_full")

    def announce(self) -> None:
        """Web is (again) there: forget stale news and tell what lives."""
        while not self.news.empty():
            self.news.get_nowait()
        for room in self.rooms.values():
            room.announce()

    def load(self) -> dict[str, Any]:
        """The `load` event."""
        return {
            "draining": self.draining,
            "rooms": len(self.rooms),
            "sessions": sum(len(room.sessions) for room in self.rooms.values()),
            "counters": self.counters.snapshot(),
            "loop_errors": error_counts(),
            "cpu_seconds": round(cpu_seconds(), 3),
            "cpu_us_per_packet": self._cost.since_last(self.counters.packets_out),
        }

    # Commands of web

    def _find(self, request: dict[str, Any]) -> tuple[Room, Session]:
        room = self.rooms.get(_name(request, "room"))
        session = room.sessions.get(_name(request, "session")) if room else None
        if room is None or session is None:
            raise NotFound("not_found")
        return room, session

    async def offer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.offer`: a new session; its answer and slots."""
        room_name, participant, name = (_name(request, key) for key in ("room", "participant", "session"))
        grants = request.get("grants")
        if not isinstance(grants, dict):
            raise ProtocolError("bad_request", reason="no grants")
        publish = _sources(grants.get("publish"))
        # Bounded, but in the worst case milliseconds: media goes on meanwhile.
        offer = await asyncio.to_thread(negotiate.parse_offer, request.get("sdp"))
        room = self.rooms.get(room_name)
        if room is None:
            if len(self.rooms) >= ROOMS_MAX:
                raise ProtocolError("room_full", reason="too many rooms")
            room = self.rooms[room_name] = Room(room_name, self._tell, self._hurry)
        if name in room.sessions:
            raise ProtocolError("bad_request", reason="the session has offered already")
        # The page has made another session before this one had a link: it is over, and takes no place for CLOSED_AFTER_S.
        for other in [one for one in room.sessions.values() if one.participant == participant and not one.connected]:
            other.end("replaced")
        if len(room.sessions) >= SESSIONS_MAX:
            raise ProtocolError("room_full", reason="too many sessions")
        try:
            session = Session(
                name,
                participant,
                offer,
                publish,
                subscribe=grants.get("subscribe") is True,
                port=self._port,
                fanout=self._fanout,
                counters=self.counters,
                certificate=self._certificate,
                clock=self._clock,
            )
        except LookupError:
            raise ProtocolError("room_full", reason="too many sessions on this node") from None
        room.add(session)
        session.on_closed = lambda reason: self._ended(room, session, reason)
        self._demultiplexer.register(session)
        self._wake()
        answer = negotiate.write_answer(
            offer,
            ufrag=session.ufrag,
            password=session.password,
            fingerprint=self._fingerprint,
            candidates=[(address, self.port) for address in self._addresses],
            slots=session.downstream.slot_numbers(),
        )
        slots = [{"mid": s.mid, "slot": s.slot, "kind": s.kind} for s in offer.sections if s.slot]
        return {"sdp": answer, "slots": slots}

    def _ended(self, room: Room, session: Session, reason: str) -> None:
        self._demultiplexer.forget(session)
        room.remove(session, reason)

    async def want(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.want`: which pictures the session wants to see."""
        room, session = self._find(request)
        video = request.get("video")
        if not isinstance(video, list) or len(video) > negotiate.VIDEO_SLOTS_MAX:
            raise ProtocolError("bad_request", reason="video is not a short list")
        slots = session.downstream.slots
        wants = {}
        for entry in video:
            if not isinstance(entry, dict) or entry.get("kind") not in ("camera", "screen"):
                raise ProtocolError("bad_request", reason="kind")
            height = entry.get("height")
            if isinstance(height, bool) or not isinstance(height, int | float) or not 0 < height <= WANT_HEIGHT_MAX:
                raise ProtocolError("bad_request", reason="height")
            slot = _name(entry, "slot")
            # Slots that the session has not are ignored: a page may know more of them than it offered.
            if slot in slots and slots[slot].kind == "video":
                wants[slot] = (_name(entry, "participant"), str(entry["kind"]), int(height))
        room.want(session, wants)
        return {}

    async def grants(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.grants`: what the session may publish from now on."""
        _, session = self._find(request)
        version = request.get("version")
        if not isinstance(version, int) or isinstance(version, bool):
            raise ProtocolError("bad_request", reason="version")
        self._fanout.flush(self._clock())
        session.grant(_sources(request.get("publish")), version)
        return {}

    async def ice(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.ice`: the session's ICE credentials; with `restart` new ones (RFC 8445 section 9)."""
        _, session = self._find(request)
        if request.get("restart") is True:
            self._demultiplexer.forget_name(session)
            session.renew_credentials()
            self._demultiplexer.register(session)
        return {"ufrag": session.ufrag, "password": session.password}

    async def leave(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.leave`: close one session."""
        _, session = self._find(request)
        session.end(str(request.get("reason", "left"))[:NAME_CHARACTERS_MAX])
        return {}

    async def close_room(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.close`: close all sessions of a room."""
        room = self.rooms.pop(_name(request, "room"), None)
        if room is None:
            raise NotFound("not_found")
        reason = str(request.get("reason", "ended"))[:NAME_CHARACTERS_MAX]
        for session in list(room.sessions.values()):
            session.end(reason)
        return {}

    async def freezes(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.freezes`: how often pictures stood still, as the session's browser counts."""
        _, session = self._find(request)
        counted = request.get("slots")
        if not isinstance(counted, dict):
            raise ProtocolError("bad_request", reason="slots")
        for slot in session.downstream.pictures:
            times = counted.get(slot.name, slot.freezes)
            if not isinstance(times, int):
                raise ProtocolError("bad_request", reason="slots")
            slot.freezes = times
        return {}

    async def busy(self, request: dict[str, Any]) -> dict[str, Any]:
        """`room.busy`: the session's computer is too busy; what it reports of delays says nothing of its line for a while."""
        _, session = self._find(request)
        session.downstream.link.receiver_busy(self._clock())
        return {}

    async def stats(self, request: dict[str, Any]) -> dict[str, Any]:
        """`node.stats`: figures of every session, or of those of one room."""
        now = self._clock()
        wanted = request.get("room")
        told = [room.describe(now) for room in self.rooms.values() if wanted in (None, room.name)]
        return {"rooms": told, "counters": self.counters.snapshot()}

    def commands(self) -> dict[str, Handler]:
        """Event name to handler."""
        return {
            "room.offer": self.offer,
            "room.want": self.want,
            "room.freezes": self.freezes,
            "room.busy": self.busy,
            "room.grants": self.grants,
            "room.ice": self.ice,
            "room.leave": self.leave,
            "room.close": self.close_room,
            "node.stats": self.stats,
        }


def _name(request: dict[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARACTERS_MAX:
        raise ProtocolError("bad_request", reason=key)
    return value


def _sources(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > len(SOURCES) or any(source not in SOURCES for source in value):
        raise ProtocolError("bad_request", reason="publish")
    return [str(source) for source in value]


async def _serve_until_told(settings: Settings, token: str, web_urls: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await dtls.self_test()
    node = MediaNode(settings)
    loop.set_exception_handler(_unforeseen)
    node.start()
    figures = {"udp_port": node.port, "in_place_srtp": srtp.IN_PLACE, "segmentation": node.segmentation}
    log.info("the media node listens", extra=figures)
    loop.add_signal_handler(signal.SIGUSR1, _drain, node)
    links = Links(node, web_urls, token, node.name, lambda: dialling(settings), lambda: node.counters.drop("news_full"))
    link = asyncio.create_task(links.run())
    watchdog = asyncio.create_task(watch_over())
    calm_collector()
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({link, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await node.stop()
    links.end()
    for _ in range(CANCELS_MAX):  # the client now and then swallows a cancellation
        if link.done():
            break
        link.cancel()
        await asyncio.wait({link}, timeout=0.5)
    watchdog.cancel()
    if link.done() and not link.cancelled() and (error := link.exception()) is not None:
        raise error


def calm_collector() -> None:
    """Keep Python's collector of cycles from delaying media: what lives now lives as long as the process and is not looked at again.

    Packets are kept for two seconds and hold no cycles: with the usual threshold of 700 the collector walked over them again and again,
    which was a sixth of all CPU time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, 10)


def _unforeseen(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Count and log what a callback or task raised that nobody awaits; the loop goes on."""
    with guarded("media.callback"):
        raise context.get("exception") or RuntimeError(str(context.get("message"))[:200])


def _drain(node: MediaNode) -> None:
    node.draining = True
    log.info("draining: no new room comes here", extra={"rooms": len(node.rooms)})


def run(settings: Settings, token: str, web_urls: Sequence[str]) -> int:
    """Run the media node for every web process at `web_urls` until SIGTERM; returns the exit code. SIGUSR1 drains it.

    Raises OSError when the UDP port is taken, ProtocolError when DTLS-SRTP does not work with the libraries that are installed.
    """
    srtp.prove()
    try:
        import uvloop

        factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve_until_told(settings, token, web_urls))
    return 0
