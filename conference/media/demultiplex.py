"""The way of every datagram: by its first byte to STUN, DTLS or SRTP (RFC 7983), and by its address to a session.

Hot path. Garbage is dropped here, counted by reason, and costs no session anything.
"""

import asyncio
import time
from collections.abc import Callable

from conference.media import srtp, stun
from conference.media.fanout import Fanout
from conference.media.session import Session
from conference.media.stats import Counters
from conference.media.udp import NAME_STRIDE, RECEIVE_ROWS, ROW_BYTES, UdpPort
from foundation.loops import survived

ROUNDS_MAX = 8
"""Batches read before other work gets its turn."""
ASK_AGAIN_S = 0.02
GATHER_S = 0.0008
"""How long what comes waits for more where so much comes that more will come."""
GATHER_UNITS_PER_S = 400
RATE_EVERY_S = 0.25
FRAME_PAUSE_S = 0.0002
"""Elsewhere the packets of a frame wait so long for the next of them, again and again while they come: one flush then serves the whole frame."""
FRAME_PAUSES_MAX = 4
MOVED_AFTER_S = 0.3
"""A session that is heard is where it is: only one that has been silent for so long may be found at another address."""
STRAYS_PER_S = 200.0
STRAY_SESSIONS_MAX = 16
"""Sessions that one packet from an unknown address is tried for."""


class Demultiplexer:
    """Reads the port, hands packets to sessions, flushes the fan-out.

    `clock` gives monotonic seconds; `on_switch` hears that slots show something new.
    """

    def __init__(
        self,
        port: UdpPort,
        fanout: Fanout,
        counters: Counters,
        clock: Callable[[], float],
        on_switch: Callable[[], None],
    ) -> None:
        self._port = port
        self._fanout = fanout
        self._counters = counters
        self._clock = clock
        self._on_switch = on_switch
        self._doorkeeper = stun.Doorkeeper()
        self._strays = stun.Doorkeeper(rate=STRAYS_PER_S, burst=STRAYS_PER_S, addresses=1)
        self._by_ufrag: dict[str, Session] = {}
        self._by_address: dict[bytes, Session] = {}
        self._asking: set[Session] = set()
        self._busy = False
        self._rate_at = 0.0
        self._rate_units = 0
        self._timer: asyncio.TimerHandle | None = None

    def register(self, session: Session) -> None:
        """Let checks for the session's ufrag in."""
        self._by_ufrag[session.ufrag] = session

    def forget(self, session: Session) -> None:
        """Nothing goes to the session any more."""
        self.forget_name(session)
        for key in [key for key, other in self._by_address.items() if other is session]:
            del self._by_address[key]
        self._asking.discard(session)

    def forget_name(self, session: Session) -> None:
        """No check by the session's ufrag is let in any more."""
        self._by_ufrag.pop(session.ufrag, None)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def readable(self) -> None:
        """Read until the socket is empty (bounded), forward, send, and ask again for what is missing. Raises nothing."""
        try:
            self._read()
        except Exception:  # noqa: BLE001 - the port is read again at the next datagram, whatever became of these
            survived("media.port")
        self._fanout.flush(self._clock())
        if self._timer is None and self._asking:
            self._ask_again()

    def _read(self) -> None:
        port = self._port
        counters = self._counters
        fanout = self._fanout
        # Sleeping here costs less than going back to the loop, which has nothing else to do that could not wait so long.
        gathered = self._gathers(self._clock())
        if gathered:
            time.sleep(GATHER_S)
        pauses = 0
        for _ in range(ROUNDS_MAX):
            count = port.receive()
            if not count:
                break
            counters.packets_in += count
            self._batch(count, self._clock())
            if count < RECEIVE_ROWS:
                if gathered or not fanout.unfinished or pauses == FRAME_PAUSES_MAX:
                    break
                time.sleep(FRAME_PAUSE_S)
                pauses += 1

    def _gathers(self, now: float) -> bool:
        """Whether so much comes in, frames counted as one, that waiting for more pays."""
        passed = now - self._rate_at
        if passed >= RATE_EVERY_S:
            units = self._counters.packets_in - self._fanout.parts
            self._busy = units - self._rate_units > GATHER_UNITS_PER_S * passed
            self._rate_at, self._rate_units = now, units
        return self._busy

    def _batch(self, count: int, now: float) -> None:
        port = self._port
        counters = self._counters
        view = port.in_view
        sizes = port.in_sizes
        names = port.in_names
        key_bytes = port.form.key_bytes
        by_address = self._by_address
        unprotect = srtp.unprotect
        rows = port.in_rows
        lengths = port.in_lengths
        octets = 0
        for row in range(count):
            try:
                size = sizes[row]
                octets += size
                if size == 0:
                    counters.drop("empty")
                    continue
                at = row * ROW_BYTES
                first = view[at]
                name = row * NAME_STRIDE
                key = bytes(names[name : name + key_bytes])
                if 127 < first < 192:
                    session = by_address.get(key)
                    if session is None:
                        self._stray(bytes(view[at : at + size]), key, port.local(row), now)
                    elif size < 12:
                        counters.drop("rtp_malformed")
                    elif 191 < view[at + 1] < 224:  # RFC 5761 section 4
                        session.last_at = now
                        session.receive_rtcp(bytes(view[at : at + size]), now)
                    elif session.receive_handle is None:
                        counters.drop("throttled" if session.receiving else "before_keys")
                    elif unprotect(session.receive_handle, rows[row], lengths[row]):
                        counters.drop("srtp_unprotect")
                    else:
                        session.came += 1
                        session.last_at = now
                        upstream = session.upstream
                        upstream.receive(bytes(view[at : at + sizes[row]]), now)
                        if upstream.asking:
                            upstream.asking = False
                            self._asking.add(session)
                            if upstream.switched:
                                upstream.switched = False
                                self._on_switch()
                elif first < 4:
                    self._stun(bytes(view[at : at + size]), key, port.local(row), now)
                elif 19 < first < 64:
                    session = by_address.get(key)
                    if session is None:
                        counters.drop("unknown_address")
                    else:
                        session.last_at = now
                        session.feed_dtls(bytes(view[at : at + size]))
                else:
                    counters.drop("garbage")
            except Exception:  # noqa: BLE001 - one packet must not cost those behind it, whosever they are
                survived("media.packet")
                counters.drop("packet_failed")
        counters.bytes_in += octets

    def _stun(self, data: bytes, key: bytes, local: bytes, now: float) -> None:
        """Answer an authentic binding request; anything else is dropped without an answer (no amplification, no oracle)."""
        if key not in self._by_address and not self._doorkeeper.admits(self._port.form.holder(key), now):
            self._counters.drop("stun_limited")
            return
        request = stun.parse_binding_request(data)
        if request is None:
            self._counters.drop("stun_malformed")
            return
        session = self._by_ufrag.get(request.local_ufrag)
        if session is None:
            self._counters.drop("stun_unknown_user")
            return
        if not request.authentic(session.password_bytes):
            self._counters.drop("stun_bad_integrity")
            return
        if session.replayed(request.transaction, key):
            self._counters.drop("stun_replayed")
            return
        source = session.source_towards(key, local)
        if request.controlled:
            self._port.send_to(stun.role_conflict(request.transaction, session.password_bytes), key, source)
            return
        session.last_at = now
        if session.reach(key, local, source, nominate=request.use_candidate):
            self._settle(session, key)
        address, port = self._port.form.peer(key)
        answer = stun.binding_success(request.transaction, address, port, session.password_bytes)
        self._port.send_to(answer, key, source)

    def _settle(self, session: Session, key: bytes) -> None:
        """The session is at `key` from now on, and nowhere else."""
        for old in [address for address, other in self._by_address.items() if other is session]:
            del self._by_address[old]
        self._by_address[key] = session

    def _stray(self, data: bytes, key: bytes, local: bytes, now: float) -> None:
        """Media from an address that nobody has: a router may have forgotten a client, which does not know it yet.

        Browsers check their path every 2.5 s (Chromium) or 5 s (Firefox): too late for speech. Who sends a fresh packet under a session's keys is
        that session, as RFC 9146 section 6 reasons for DTLS; its next check with USE-CANDIDATE has the last word as ever. A copy that somebody
        sends on from another address is a replay, unless the session's own packets have been cut off.
        """
        if self._strays.admits(b"", now):
            silent = [one for one in self._by_address.values() if one.connected and now - one.last_at > MOVED_AFTER_S]
            for session in silent[:STRAY_SESSIONS_MAX]:
                if session.recognizes(data, now):
                    session.last_at = now
                    session.reach(key, local, self._port.source_for(key, local), nominate=True)
                    self._settle(session, key)
                    return
        self._counters.drop("unknown_address")

    def _ask_again(self) -> None:
        """Send NACKs now, and again while something is missing."""
        self._timer = None
        now = self._clock()
        for session in list(self._asking):
            try:
                asks = session.connected and session.ask_again(now)
            except Exception:  # noqa: BLE001 - the other sessions ask all the same, and again in time
                survived("media.ask_again")
                asks = False
            if not asks:
                self._asking.discard(session)
        if self._asking:
            self._timer = asyncio.get_running_loop().call_later(ASK_AGAIN_S, self._ask_again)
