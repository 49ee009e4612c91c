"""Millions of mutated packets against everything of the media node that reads what comes from outside: `python -m tests.media.fuzz 10000000`.

An input that escapes as an exception, or takes longer than LONGEST_S, is written to tests/data/regressions/media, and the run fails.
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from conference.media import negotiate, rtcp, stun
from conference.media.address import Plain
from conference.media.demultiplex import Demultiplexer
from conference.media.dtls import DtlsEndpoint, fingerprint, make_certificate
from conference.media.fanout import Fanout
from conference.media.room import Room
from conference.media.session import Session
from conference.media.srtp import direction
from conference.media.stats import Counters
from conference.media.udp import ROW_BYTES, UdpPort
from foundation.errors import ProtocolError
from tests.media.mutate import Mutator
from tests.media.packets import rtp, vp8

LONGEST_S = 0.005
GROWTH_MAX_BYTES = 8_000_000
WARM = 20_000
TURN = 20
DATA = Path(__file__).parents[1] / "data"
FOUND = DATA / "regressions" / "media"
KEY = bytes(range(44))
GCM_256 = 8
PUBLISHER, WATCHER = Plain().key("127.0.0.1", 40_001), Plain().key("127.0.0.1", 40_002)


@dataclass
class Target:
    """One reader: what it is fed, mutated, and how."""

    name: str
    seeds: list[bytes]
    feed: Callable[[bytes], None]
    share: float
    """Of the packets; slow readers get fewer."""


class Bench:
    """A room with a publisher and one who watches, without a network: what the node would do with each packet."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.port = UdpPort("127.0.0.1", 0, self.counters)
        self.fanout = Fanout(self.port, self.counters)
        self.now = 100.0
        self.demultiplexer = Demultiplexer(self.port, self.fanout, self.counters, lambda: self.now, lambda: None)
        self.room = Room("r", lambda _event, _payload: None, lambda: None)
        self.certificate = make_certificate()
        self.offer_text = (DATA / "sdp" / "chromium-156-offer-simulcast.sdp").read_text()
        self.publisher = self._session("publisher", PUBLISHER)
        self.watcher = self._session("watcher", WATCHER)
        self.room.want(self.watcher, {"v0": ("publisher", "camera", 720), "v1": ("publisher", "screen", 720)})

    def _session(self, name: str, key: bytes) -> Session:
        session = Session(
            name, name, negotiate.parse_offer(self.offer_text), ["audio", "camera", "screen"], subscribe=True,
            port=self.port, fanout=self.fanout, counters=self.counters, certificate=self.certificate, now=self.now,
        )  # fmt: skip
        self.room.add(session)
        self.demultiplexer.register(session)
        session.on_closed = lambda reason: None
        session.key = key
        session.downstream.aim(*self.port.aim(0, key, b""))
        # Keys without a handshake, as the handshake would leave them.
        session.receiving = direction(KEY, GCM_256, sending=False)
        session.receive_handle = session.receiving.handle
        session._sending = direction(KEY, GCM_256, sending=True)
        session.downstream.unlock(session._sending)
        session.state = "connected"
        session.on_connected()
        return session

    def pass_time(self) -> None:
        """A tenth of a second goes by."""
        self.now += 0.1
        for session in (self.publisher, self.watcher):
            session.last_at = self.now
        self.room.tick(self.now)

    def take_rtp(self, data: bytes) -> None:
        """As if it had come encrypted from the publisher."""
        self.publisher.upstream.receive(data, self.now)
        self.fanout.flush(self.now)

    def take_rtcp(self, data: bytes) -> None:
        """As if it had come encrypted from the watcher."""
        try:
            feedback = rtcp.parse(data)
        except ProtocolError:
            return
        self.watcher.upstream.take_reports(feedback.senders, self.now)
        self.watcher.downstream.take_feedback(feedback, self.now)

    def take_datagram(self, data: bytes) -> None:
        """As it comes from the network, from an address that is known or not."""
        size = min(len(data), ROW_BYTES - 24)
        self.port.in_view[:size] = data[:size]
        self.port.in_sizes[0] = size
        self.port.in_names[:8] = PUBLISHER if data[-1:] < b"\x80" else Plain().key("127.0.0.1", 40_000 + len(data))
        self.demultiplexer._batch(1, self.now)
        self.fanout.flush(self.now)

    def take_offer(self, data: bytes) -> None:
        """As a page would send it."""
        try:
            offer = negotiate.parse_offer(data.decode("utf-8", "replace"))
        except ProtocolError:
            return
        numbers = {s.slot: negotiate.SlotNumbers(1, 2) for s in offer.sections if s.slot}
        negotiate.write_answer(
            offer, ufrag="abcd", password="p" * 22, fingerprint="00", candidates=[("127.0.0.1", 1)], slots=numbers
        )

    def targets(self, hello: bytes) -> list[Target]:
        """Every reader; `hello` begins a DTLS handshake."""
        offers = [path.read_bytes() for path in sorted((DATA / "sdp").glob("*offer*.sdp"))]
        asked = stun.binding_request(
            b"transaction1", f"{self.publisher.ufrag}:them", self.publisher.password_bytes, use_candidate=True
        )
        records = [hello, hello[:20], b"\x14\xfe\xfd" + bytes(10) + b"\0\1\1", b"\x16\xfe\xfd" + bytes(30)]
        return [
            Target("rtp", self._media(), self.take_rtp, 0.45),
            Target("rtcp", _reports(self.watcher), self.take_rtcp, 0.30),
            Target("datagram", [asked, *records, *self._media()], self.take_datagram, 0.249),
            Target("sdp", offers, self.take_offer, 0.001),
        ]

    def _media(self) -> list[bytes]:
        offer = negotiate.parse_offer(self.offer_text)
        sections = {section.source: section for section in offer.sections if section.source}
        camera, sound = sections["camera"], sections["audio"]
        packets = []
        for index, rid in enumerate(("q", "h", "f")):
            extension = bytes([offer.mid_extension << 4 | len(camera.mid) - 1]) + camera.mid.encode()
            extension += bytes([offer.rid_extension << 4]) + rid.encode()
            kind = camera.codec.payload_type if camera.codec else 96
            repeat = camera.rtx.payload_type if camera.rtx else 97
            for seq in range(4):
                payload = vp8(seq, key=seq == 0)
                packets.append(
                    rtp(seq, 3000 * seq, payload, ssrc=10 + index, kind=kind, extension=extension, marker=True)
                )
            packets.append(rtp(9, 0, b"\0\1" + payload, ssrc=20 + index, kind=repeat, extension=extension))
        level = bytes([sound.extensions[negotiate.AUDIO_LEVEL] << 4, 30])
        kind = sound.codec.payload_type if sound.codec else 111
        packets += [rtp(seq, 960 * seq, b"opus" * 10, ssrc=30, kind=kind, extension=level) for seq in range(4)]
        return packets


def _reports(session: Session) -> list[bytes]:
    slots = list(session.downstream.slots.values())
    block = rtcp.ReportBlock(slots[-1].ssrc, 20, 3, 1000, 9, 1, 1)
    many = rtcp.nack(1, slots[-1].ssrc, [1, 2, 9, 40]) + rtcp.picture_loss(1, slots[-1].ssrc)
    return [
        rtcp.receiver_report(1, [block]) + rtcp.remb(1, 900_000, [slots[-1].ssrc]),
        rtcp.sender_report(10, 1 << 40, 5, 6, 7) + rtcp.source_description(10, "someone"),
        rtcp.receiver_report(1, []) + many,
    ]


async def client_hello() -> bytes:
    """How a DTLS handshake begins."""
    said: list[bytes] = []
    certificate = make_certificate()
    client = DtlsEndpoint(certificate, said.append, lambda: None, server=False)
    shaking = asyncio.create_task(client.handshake([("sha-256", fingerprint(certificate))]))
    while not said:
        await asyncio.sleep(0.01)
    shaking.cancel()
    await asyncio.gather(shaking, return_exceptions=True)
    return said[0]


def run(packets: int, seed: int) -> list[str]:
    """Feed `packets` in all; what went wrong, a sentence each."""
    return asyncio.run(_run(packets, seed))


async def _run(packets: int, seed: int) -> list[str]:
    bench = Bench()
    wrong: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: wrong.append(f"a task: {context}"))
    for target in bench.targets(await client_hello()):
        mutator = Mutator(target.seeds, seed)
        for one in target.seeds:
            target.feed(one)
        count = max(1, int(packets * target.share))
        memory, slow = 0, 0
        for number in range(count):
            if number == min(WARM, count // 2):
                gc.collect()
                memory = psutil.Process().memory_info().rss
            if number % 1000 == 0:
                bench.pass_time()
            if number % TURN == 0:
                # Handshakes are read by tasks.
                await asyncio.sleep(0)
            data = mutator.next()
            begin = time.thread_time()
            try:
                target.feed(data)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not have come out
                wrong.append(f"{target.name}: {type(error).__name__}: {error}: {_keep(target.name, data)}")
                return wrong
            if time.thread_time() - begin > LONGEST_S:
                slow += 1
                # Once may be the collector or another process; the same input twice is the input.
                again = time.thread_time()
                target.feed(data)
                if time.thread_time() - again > LONGEST_S:
                    wrong.append(f"{target.name}: took {time.thread_time() - again:.4f} s: {_keep(target.name, data)}")
        gc.collect()
        grown = psutil.Process().memory_info().rss - memory
        print(f"{target.name}: {count} packets, {slow} slow once, {grown / 1e6:+.1f} MB", file=sys.stderr)
        if grown > GROWTH_MAX_BYTES:
            wrong.append(f"{target.name}: memory grew by {grown / 1e6:.1f} MB")
    bench.port.close()
    return wrong


def _keep(name: str, data: bytes) -> Path:
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"{name}-{abs(hash(data)) % 10**10}.bin"
    path.write_bytes(data)
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packets", type=int, nargs="?", default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wrong = run(arguments.packets, arguments.seed)
    print("\n".join(wrong) or f"{arguments.packets} packets, nothing escaped, nothing was slow, no memory grew")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
