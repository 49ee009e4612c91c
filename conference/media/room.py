"""A room on the node: its sessions, who is heard, which picture goes into which slot. It owns its sessions; the node owns the room."""

from collections.abc import Callable, Sequence
from typing import Any

from conference.media.ingress import Stream
from conference.media.ladder import BACK_SLACK, REDUNDANT_VOICE_BPS, VOICE_BPS, Layer, Want, allocate, voices
from conference.media.negotiate import RIDS
from conference.media.selector import Speaking, heard_by, loudest
from conference.media.session import CLOSED_AFTER_S, LOST_AFTER_S, Session
from conference.media.slots import Slot
from foundation.loops import survived

SESSIONS_MAX = 2 * 64
"""Each of a room's 64 participants (conference.roster) has at most one with a link, maybe lost, and one that is on its way."""
SPEAKERS = 3
PLACES = SPEAKERS + 1
"""One more than is heard: each of the loudest three hears the fourth in its own place."""
SPEAKERS_EVERY_S = 0.2
PICTURES_EVERY_S = 0.5
REPORT_EVERY_S = 1.0
BEAT_AFTER_S = 0.5
"""After each report: something comes to every page twice a second, whoever speaks or is seen, so that it knows its link lives."""
TURN_S = 0.1
"""Sessions that come one after the other report so much apart: all of them at once would hold media up for milliseconds."""
WANT_HEIGHT_MAX = 4320
TALK_LASTS_S = 10.0
"""Who has spoken is expected to speak again for so long: pictures must not come and go with each word."""
REDUNDANT_FROM_BPS = 400_000
LOSSY = 0.03
"""A line below REDUNDANT_FROM_BPS carries every voice once, not twice; one that loses more than this gives up pictures for it first."""
DEEP_LOSS = 0.08
"""Where one who listens loses more than this, every word is sent three times."""
Notify = Callable[[str, dict[str, Any]], None]
"""`notify(event, payload)`: what web is told (docs/room-protocol.md)."""
Found = dict[tuple[str, str], tuple[list[Stream], tuple[Layer, ...]]]
"""Participant and kind to the streams that arrive and the layers to choose from: the same for all who watch."""


class Room:
    """One consultation. `tick` does all that goes by time; the clock is the caller's (monotonic seconds)."""

    def __init__(self, name: str, notify: Notify, hurry: Callable[[], None]) -> None:
        """`hurry` has `tick` called at once: somebody waits for a picture."""
        self.name = name
        self._hurry = hurry
        self.sessions: dict[str, Session] = {}
        self._by_participant: dict[str, Session] = {}
        self._notify = notify
        self._speaking = Speaking([], {})
        self._told_speakers: list[str] = []
        self._talked: dict[str, float] = {}
        """When each participant who is here was among the loudest last."""
        self._speakers_at = 0.0
        self._anew = False
        """Whether everybody's pictures are to be chosen at the next tick."""
        self._came = 0
        """Sessions that ever came: each gets the next turn to report."""

    # Who is here

    def add(self, session: Session) -> None:
        """Take a session in; it counts once it is connected."""
        self.sessions[session.name] = session
        session.report_at = session.last_at + self._came * TURN_S % REPORT_EVERY_S
        self._came += 1
        session.on_connected = lambda: self._connected(session)

    def _connected(self, session: Session) -> None:
        # The newest connection of a participant wins; the older is closed only now, so that nothing was lost if the new one had failed.
        # Web hears of the new one first: otherwise the participant would be gone for a moment, and lose the floor.
        self._by_participant[session.participant] = session
        self.tell(session, "connected", "")
        for other in [s for s in self.sessions.values() if s.participant == session.participant and s is not session]:
            other.end("replaced")
        self._speakers_at, self._anew = 0.0, True
        self._hurry()

    def remove(self, session: Session, reason: str) -> None:
        """Close a session and tell web; nothing happens when it is not here any more."""
        if self.sessions.pop(session.name, None) is None:
            return
        if self._by_participant.get(session.participant) is session:
            del self._by_participant[session.participant]
            self._talked.pop(session.participant, None)
        session.close()
        self.tell(session, "closed", reason)
        self._speakers_at, self._anew = 0.0, True

    def close(self, reason: str) -> None:
        """Close all sessions."""
        for session in list(self.sessions.values()):
            session.end(reason)

    def tell(self, session: Session, state: str, reason: str) -> None:
        """One `session` event."""
        self._notify(
            "session",
            {
                "room": self.name,
                "session": session.name,
                "participant": session.participant,
                "state": state,
                "reason": reason,
            },
        )

    def announce(self) -> None:
        """After web came back: tell every session that lives, what its slots show, and who speaks."""
        for session in self.sessions.values():
            if session.connected:
                self.tell(session, "lost" if session.state == "lost" else "connected", "")
                for slot in session.downstream.slots.values():
                    slot.untell()
                session.told_line = {}
        self._told_speakers = []

    def want(self, session: Session, wants: dict[str, tuple[str, str, int]]) -> None:
        """Which picture each video slot should show: slot to (participant, kind, height in device pixels)."""
        session.downstream.wants = wants
        session.choose_at = 0.0
        self._hurry()

    # What goes by time

    def tick(self, now: float) -> None:
        """Called every 100 ms: liveness, speakers, pictures, key frames, reports."""
        self._each("liveness", lambda session: self._watch(session, now), connected=False)
        if now - self._speakers_at >= SPEAKERS_EVERY_S:
            self._speakers_at = now
            try:
                self._choose_speakers(now)
            except Exception:  # noqa: BLE001 - the pictures and reports of the room go on
                survived("media.speakers")
        anew, self._anew = self._anew, False
        found: Found = {}
        self._each("pictures", lambda session: self._look(session, found, now, anew=anew))
        self._each("reports", lambda session: self._report(session, now))

    def _each(self, part: str, work: Callable[[Session], None], *, connected: bool = True) -> None:
        """Do `work` for each session; what one of them raises costs no other anything. `part` is a name of the code."""
        for session in list(self.sessions.values()):
            if connected and not session.connected:
                continue
            try:
                work(session)
            except Exception:  # noqa: BLE001 - said above
                survived(f"media.{part}")

    def _look(self, session: Session, found: Found, now: float, *, anew: bool) -> None:
        due = now >= session.choose_at
        if due:
            session.choose_at = now + PICTURES_EVERY_S
        if due or anew:
            self._choose_pictures(session, found, now)

    def _report(self, session: Session, now: float) -> None:
        session.upstream.ask_key_frames(now)
        if now >= session.report_at:
            session.report_at = now + REPORT_EVERY_S
            session.beat_at = now + BEAT_AFTER_S
            session.report(now)
            self._tell_line(session, now)
            self._judge(session, now)
        elif now >= session.beat_at:
            session.beat_at = session.report_at
            session.beat()
        if session.downstream.moved:
            self._tell_slots(session)

    def _judge(self, session: Session, now: float) -> None:
        offence = session.judge(now)
        if offence is not None:
            told = {"room": self.name, "session": session.name, "participant": session.participant, "what": offence}
            self._notify("offence", told)

    def _watch(self, session: Session, now: float) -> None:
        silent = now - session.last_at
        if silent <= LOST_AFTER_S and session.state != "lost":
            return
        if silent > CLOSED_AFTER_S:
            session.end("timeout")
        elif silent > LOST_AFTER_S:
            if session.state == "connected":
                session.state = "lost"
                self.tell(session, "lost", "silent")
        elif session.state == "lost":
            session.state = "connected"
            self.tell(session, "connected", "")

    def _choose_speakers(self, now: float) -> None:
        microphones: dict[str, Stream] = {}
        for participant, session in self._by_participant.items():
            stream = session.sources.microphone()
            if stream is not None and stream.started and session.state == "connected":
                microphones[participant] = stream
        levels = {participant: stream.heard_level(now) for participant, stream in microphones.items()}
        self._speaking = loudest(levels, self._speaking, PLACES, now)
        deep = False
        for session in self.sessions.values():
            if session.connected:
                try:
                    self._choose_sounds(session, microphones, now)
                except Exception:  # noqa: BLE001 - the others hear who speaks all the same
                    survived("media.sounds")
                link = session.downstream.link
                deep = deep or (link.loss > DEEP_LOSS and not link.congested(now))
        for stream in microphones.values():
            stream.deep = deep
        audible = [name for name in self._speaking.order if levels.get(name, 127.0) < 60.0][:SPEAKERS]
        for name in audible:
            self._talked[name] = now
        if audible != self._told_speakers:
            self._told_speakers = audible
            self._notify("speakers", {"room": self.name, "participants": audible})

    def _choose_sounds(self, session: Session, microphones: dict[str, Stream], now: float) -> None:
        slots = session.downstream.sounds
        if not slots:
            return
        present = [(slot.pending or slot.stream) for slot in slots]
        names = [stream.participant if stream is not None else None for stream in present]
        # A line that carries one voice carries the loudest.
        link = session.downstream.link
        carried = voices(link.budget_bps)
        redundant = self._is_redundant(session, now) or link.budget_bps >= REDUNDANT_FROM_BPS
        order = self._speaking.order
        if carried < SPEAKERS:
            order = [name for name in order if name != session.participant][:carried]
        for slot, name in zip(slots, heard_by(session.participant, order, names), strict=True):
            stream = microphones.get(name) if name else None
            if stream is not None and stream.plain is not None and not (redundant and slot.red_payload_type):
                stream = stream.plain
            self._show(slot, stream)

    def _talkers(self, session: Session, now: float) -> int:
        """How many others have been heard lately."""
        return sum(now - at < TALK_LASTS_S for name, at in self._talked.items() if name != session.participant)

    def _is_redundant(self, session: Session, now: float) -> bool:
        """Whether its line loses packets whatever is sent, and has room for every word again: where packets queue up, that would make it worse."""
        link = session.downstream.link
        return (
            link.loss > LOSSY
            and not link.congested(now)
            and link.budget_bps >= BACK_SLACK * REDUNDANT_VOICE_BPS * max(1, self._talkers(session, now))
        )

    def _choose_pictures(self, session: Session, found: Found, now: float) -> None:
        downstream = session.downstream
        wants = []
        for slot in downstream.pictures:
            wish = downstream.wants.get(slot.name)
            owner = self._by_participant.get(wish[0]) if wish else None
            streams, layers = self._find(found, owner, wish[1], now) if wish and owner else ([], ())
            # One codec for each source: all its layers are answered together.
            codec = streams[0].codec if streams else ""
            takes = codec in slot.codecs
            slot.cannot_show("" if takes else codec)
            if wish is None or not takes:
                self._idle(slot, owner, wish)
                continue
            speaking = wish[0] in self._told_speakers[:1]
            holds = _number(layers, slot, wish)
            wants.append(Want(slot.name, layers, wish[2], wish[1] == "screen", speaking, slot.still_bits, holds))
        voice_bps = REDUNDANT_VOICE_BPS if self._is_redundant(session, now) else VOICE_BPS
        plan = allocate(wants, downstream.link.budget_bps, self._talkers(session, now), voice_bps)
        downstream.step, downstream.needed_bps = plan.step, plan.needed_bps
        for name, choice in plan.choices.items():
            slot = downstream.slots[name]
            if choice.rid is None:
                self._show(slot, None)  # no room for it: the page keeps the last picture
                continue
            participant, kind, _ = downstream.wants[name]
            self._by_participant[participant].upstream.need(kind, choice.rid, now)
            stream = _nearest(found[participant, kind][0], choice.rid)
            if choice.slow and stream.thin is not None:
                stream = stream.thin
            if choice.every_s:
                slot.stand(stream, choice.every_s, now)
            else:
                self._show(slot, stream)

    def _find(self, found: Found, owner: Session, kind: str, now: float) -> tuple[list[Stream], tuple[Layer, ...]]:
        key = owner.participant, kind
        if key not in found:
            streams = owner.sources.layers(kind, now)
            found[key] = streams, owner.upstream.layers(kind, streams, now) if streams else ()
        return found[key]

    def _idle(self, slot: Slot, owner: Session | None, wish: tuple[str, str, int] | None) -> None:
        """Nothing arrives for this slot: keep the last picture of the wanted source, go dark otherwise."""
        stream = slot.stream or slot.standing
        if stream is not None and owner is not None and wish is not None:
            same = (stream.participant, stream.kind) == wish[:2]
            if same and owner.sources.holds(stream) and stream.granted:
                return
        self._show(slot, None)

    def _show(self, slot: Slot, stream: Stream | None) -> None:
        slot.go_on()
        if stream is None:
            slot.wait_for(None)
            slot.detach()
        elif slot.stream is stream:
            slot.wait_for(None)
        else:
            slot.wait_for(stream)

    def _tell_slots(self, session: Session) -> None:
        changed = []
        moved = session.downstream.moved
        for slot in session.downstream.slots.values():
            shown = slot.shown
            if slot in moved and slot.told != (shown, slot.undecodable):
                slot.told = (shown, slot.undecodable)
                participant, kind, manner = shown
                changed.append(
                    {
                        "slot": slot.name,
                        "kind": kind,
                        "participant": participant,
                        "manner": manner,
                        "undecodable": slot.undecodable or None,
                    }
                )
        moved.clear()
        if changed:
            self._notify("slots", {"room": self.name, "session": session.name, "slots": changed})

    def _tell_line(self, session: Session, now: float) -> None:
        """What the session's line carries, when that changed; and what its publisher should send."""
        line = session.line(now)
        if line != session.told_line:
            session.told_line = line
            self._notify("line", {"room": self.name, "session": session.name, **line})

    def describe(self, now: float) -> dict[str, Any]:
        """Figures for `node.stats`."""
        return {"room": self.name, "sessions": [session.describe(now) for session in self.sessions.values()]}


def _number(layers: Sequence[Layer], slot: Slot, wish: tuple[str, str, int]) -> int:
    """Which of the wished picture's layers the slot shows, or is about to show, moving; -1: none."""
    stream = slot.pending or slot.stream
    if stream is None or slot.standing is not None or (stream.participant, stream.kind) != wish[:2]:
        return -1
    return next((at for at, one in enumerate(layers) if (one.rid, one.slow) == (stream.rid, stream.slow)), -1)


def _nearest(streams: list[Stream], rid: str) -> Stream:
    """The stream of the layer `rid`, or the best below it that arrives."""
    wanted = RIDS.index(rid) if rid in RIDS else 0
    below = [stream for stream in streams if (RIDS.index(stream.rid) if stream.rid in RIDS else 0) <= wanted]
    return below[-1] if below else streams[0]
