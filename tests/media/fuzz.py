"""Millions of mutated packets against everything of the media node that reads what comes from outside: `python -m tests.media.fuzz 10000000`.

An input that escapes as an exception, or takes longer than LONGEST_S, is written to tests/data/regressions/media, and the run fails.
"""

import argparse
import asyncio
import gc
import random
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from conference.media import negotiate, rtcp, srtp, stun
from conference.media.address import Plain
from conference.media.demultiplex import Demultiplexer
from conference.media.dtls import DtlsEndpoint, fingerprint, make_certificate
from conference.media.fanout import Fanout
from conference.media.redundancy import pack
from conference.media.room import Room
from conference.media.session import Session
from conference.media.srtp import direction
from conference.media.stats import Counters
from conference.media.udp import NAME_STRIDE, RECEIVE_ROWS, ROW_BYTES, UdpPort
from foundation.errors import ProtocolError
from foundation.loops import error_counts
from tests.media.mutate import Mutator
from tests.media.packets import rtp, vp8

LONGEST_S = 0.005
GROWTH_MAX_BYTES = 8_000_000
BURST_MAX = RECEIVE_ROWS
CALM_ROOMS = 2
CALM_LISTENERS = 2
ROOM_TICK_EVERY = 50
"""Bursts between two ticks of the rooms."""
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
    """Of the number of packets that go through the flush in bursts; slow readers get fewer."""


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
        self.publisher = self.session("publisher", PUBLISHER, self.room)
        self.watcher = self.session("watcher", WATCHER, self.room)
        self.room.want(self.watcher, {"v0": ("publisher", "camera", 720), "v1": ("publisher", "screen", 720)})

    def session(self, name: str, key: bytes, room: Room) -> Session:
        """One who is in `room` with keys already."""
        session = Session(
            name, name, negotiate.parse_offer(self.offer_text), ["audio", "camera", "screen"], subscribe=True,
            port=self.port, fanout=self.fanout, counters=self.counters, certificate=self.certificate, clock=lambda: self.now,
        )  # fmt: skip
        room.add(session)
        self.demultiplexer.register(session)
        session.on_closed = lambda reason: None
        session.key = key
        session.downstream.aim(*self.port.aim(session._destination, key, b""))
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
            Target("rtp", self.media(), self.take_rtp, 0.15),
            Target("rtcp", reports(self.watcher), self.take_rtcp, 0.15),
            Target("datagram", [asked, *records, *self.media()], self.take_datagram, 0.1),
            Target("sdp", offers, self.take_offer, 0.0005),
        ]

    def layer(self, rid: str) -> bytes:
        """The header extension of a packet of this layer of the camera."""
        offer = self.publisher.sources._offer
        mid = next(section.mid for section in offer.sections if section.source == "camera")
        extension = bytes([offer.mid_extension << 4 | len(mid) - 1]) + mid.encode()
        return extension + bytes([offer.rid_extension << 4]) + rid.encode()

    def media(self) -> list[bytes]:
        offer = negotiate.parse_offer(self.offer_text)
        sections = {section.source: section for section in offer.sections if section.source}
        camera, sound = sections["camera"], sections["audio"]
        packets = []
        for index, rid in enumerate(("q", "h", "f")):
            extension = self.layer(rid)
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
        red = sound.red.payload_type if sound.red else 63
        for seq in range(4, 12):
            said = bytes([seq]) * (40, 400, 800, 1000, 1400)[seq % 5]
            older = [(960, said[:1000])] if seq % 2 else []
            payload = pack(kind, older, said)
            packets.append(rtp(seq, 960 * seq, payload, ssrc=30, kind=red, extension=level))
        for seq in (10, 11):
            payload = vp8(seq, body=bytes(1300 + 60 * (seq - 10)))
            kind = camera.codec.payload_type if camera.codec else 96
            packets += [rtp(seq, 3000 * seq, payload, ssrc=10 + each, kind=kind, marker=True) for each in range(3)]
        return packets


class Calm:
    """A speaker in a room of their own, and who listens there at real sockets: nothing that others send may be noticed here."""

    def __init__(self, bench: "Bench", number: int) -> None:
        self.name = f"calm{number}"
        self.room = Room(self.name, lambda _event, _payload: None, lambda: None)
        self.key = Plain().key("127.0.0.1", 41_000 + number)
        self.speaker = bench.session(f"{self.name}-speaker", self.key, self.room)
        self.sockets: list[socket.socket] = []
        self.listeners: list[Session] = []
        self.keys: list[srtp.Direction] = []
        for each in range(CALM_LISTENERS):
            ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ear.bind(("127.0.0.1", 0))
            ear.setblocking(False)
            self.sockets.append(ear)
            key = bench.port.form.key(*ear.getsockname())
            self.listeners.append(bench.session(f"{self.name}-{each}", key, self.room))
            self.keys.append(direction(KEY, GCM_256, sending=False))
        self._seq = 0
        self._said = b""

    def say(self) -> bytes:
        """The next packet of the speaker."""
        self._seq += 1
        self._said = f"{self.name} {self._seq}".encode()
        level = bytes([1 << 4, 20])
        return rtp(self._seq, 960 * self._seq, self._said, ssrc=77, kind=111, extension=level)

    def heard(self) -> list[bool]:
        """Whether each who listens has got what was said last; what else came (reports) is read away."""
        result = []
        for ear, keys in zip(self.sockets, self.keys, strict=True):
            found = False
            while True:
                try:
                    data = ear.recv(2048)
                except BlockingIOError:
                    break
                if len(data) > 12 and not 191 < data[1] < 224:
                    plain = keys.unprotect(data)
                    found = found or (plain is not None and plain.endswith(self._said))
            result.append(found)
        return result

    def close(self) -> None:
        """Close the sockets."""
        for ear in self.sockets:
            ear.close()


class Bursts:
    """One who attacks in a room with several who listen, and calm rooms beside it, all in bursts through the production's batch and flush."""

    def __init__(self, hello: bytes, seed: int) -> None:
        self.bench = bench = Bench()
        self._dice = random.Random(seed)
        for number in range(3):
            key = Plain().key("127.0.0.1", 42_000 + number)
            listener = bench.session(f"listener{number}", key, bench.room)
            bench.room.want(listener, {"v0": ("publisher", "camera", 720), "v1": ("publisher", "screen", 720)})
        self.calm = [Calm(bench, number) for number in range(CALM_ROOMS)]
        # The attacker has the keys: whatever it writes is authentic. Only decryption is left out, all else is the production's.
        self._unprotect, srtp.unprotect = srtp.unprotect, lambda _handle, _row, _length: srtp.OK
        bench.publisher.receiving = Plaintext()  # type: ignore[assignment]
        records = [hello, b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x28"]
        asked = stun.binding_request(
            b"transaction2", f"{bench.publisher.ufrag}:them", bench.publisher.password_bytes, use_candidate=True
        )
        self._seeds = bench.media()
        seeds = self._seeds * 6 + reports(bench.watcher) + reports(bench.publisher) + [*records, asked]
        self.mutator = Mutator(seeds, seed)
        self._numbers: dict[bytes, int] = {}
        self.lost = 0
        self.sent = 0
        """What was said in the calm rooms, once for each who listens."""
        bench.demultiplexer._by_address[PUBLISHER] = bench.publisher
        for one in self.calm:
            bench.demultiplexer._by_address[one.key] = one.speaker
        for _ in range(40):  # until the speakers are chosen and attached
            self.burst([])
            self.pass_time()
        self.lost = self.sent = 0

    def pass_time(self) -> None:
        """A tenth of a second goes by in every room."""
        bench = self.bench
        bench.now += 0.1
        for room in (bench.room, *(one.room for one in self.calm)):
            for session in room.sessions.values():
                session.last_at = bench.now
            room.tick(bench.now)

    def burst(self, attack: list[bytes]) -> None:
        """Hand these to the node as one batch of the attacker, among what the calm rooms say, and flush."""
        bench, port = self.bench, self.bench.port
        rows = [(data, PUBLISHER) for data in attack]
        for one in self.calm:
            rows.insert(self._dice.randrange(len(rows) + 1), (one.say(), one.key))
        for row, (data, key) in enumerate(rows):
            at, size = row * ROW_BYTES, min(len(data), ROW_BYTES - srtp.TRAILER_BYTES_MAX - 10)
            port.in_view[at : at + size] = data[:size]
            port.in_sizes[row] = size
            port.in_names[row * NAME_STRIDE : row * NAME_STRIDE + len(key)] = key
        bench.demultiplexer._batch(len(rows), bench.now)
        bench.fanout.flush(bench.now)
        for one in self.calm:
            heard = one.heard()
            self.sent += len(heard)
            self.lost += heard.count(False)

    def _attack(self) -> bytes:
        """The next packet of the attacker, most often with the number that its stream has come to: others are not forwarded."""
        # Between the mutated ones some as they should be: they keep the slots of those who listen attached.
        data = self._dice.choice(self._seeds) if self._dice.random() < 0.3 else self.mutator.next()
        if len(data) < 12 or not 127 < data[0] < 192 or 191 < data[1] < 224 or self._dice.random() < 0.15:
            return data
        ssrc = data[8:12]
        seq = self._numbers.get(ssrc, 100) + self._dice.choice((1, 1, 1, 1, 1, 1, 2, 5)) & 0xFFFF
        if ssrc in self._numbers or len(self._numbers) < 1000:
            self._numbers[ssrc] = seq
        return data[:2] + seq.to_bytes(2, "big") + data[4:]

    async def run(self, packets: int) -> list[str]:
        """Feed `packets` of the attacker in bursts of 1 to BURST_MAX; what went wrong, a sentence each."""
        bench, fed, bursts, before = self.bench, 0, 0, error_counts()
        while fed < packets:
            count = self._dice.randrange(1, BURST_MAX - CALM_ROOMS + 1)
            attack = [self._attack() for _ in range(count)]
            self.burst(attack)
            fed += count
            bursts += 1
            if bursts % ROOM_TICK_EVERY == 0:
                # Whoever attacks is thrown out of hearing sooner: here it stays, and is heard in full.
                bench.publisher.came = 0
                self.pass_time()
                await asyncio.sleep(0)
            if self.lost or error_counts() != before:
                for number, one in enumerate(attack):
                    _keep(f"burst{number:02}", one)
                break
        print(
            f"bursts: {fed} packets in {bursts} bursts, {self.sent} packets of others, {self.lost} of them lost,"
            f" {bench.counters.packets_out} sent, dropped {bench.counters.dropped}",
            file=sys.stderr,
        )
        wrong = [f"bursts: survived {error_counts()}"] if error_counts() != before else []
        if self.lost:
            wrong.append(f"bursts: {self.lost} packets of others were lost")
        if bench.port.unsegmented or not bench.port.segmentation:
            wrong.append("bursts: somebody lost UDP segmentation")
        disturbed = [
            session.name
            for one in self.calm
            for session in one.room.sessions.values()
            if session.state != "connected"
            or (session is not one.speaker and session.downstream.sounds[0].stream is None)
        ]
        if disturbed:
            wrong.append(f"bursts: disturbed: {disturbed}")
        self.close()
        return wrong

    def close(self) -> None:
        """Close every socket, and let decryption be what it was."""
        srtp.unprotect = self._unprotect
        for room in self.calm:
            room.close()
        self.bench.port.close()


class Plaintext:
    """A receiving context whose packets lie open."""

    handle: object = object()

    def unprotect(self, data: bytes) -> bytes:
        """The packet as it is."""
        return data

    def unprotect_rtcp(self, data: bytes) -> bytes:
        """The packet as it is."""
        return data


def reports(session: Session) -> list[bytes]:
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
    before = error_counts()
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
        if error_counts() != before:
            wrong.append(f"{target.name}: survived {error_counts()}")
        gc.collect()
        grown = psutil.Process().memory_info().rss - memory
        print(f"{target.name}: {count} packets, {slow} slow once, {grown / 1e6:+.1f} MB", file=sys.stderr)
        if grown > GROWTH_MAX_BYTES:
            wrong.append(f"{target.name}: memory grew by {grown / 1e6:.1f} MB")
    bench.port.close()
    memory = psutil.Process().memory_info().rss
    bursts = Bursts(await client_hello(), seed)
    wrong += await bursts.run(packets)
    gc.collect()
    grown = psutil.Process().memory_info().rss - memory
    print(f"bursts: {grown / 1e6:+.1f} MB", file=sys.stderr)
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
