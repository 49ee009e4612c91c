"""Every event of a room with anything in it: an answer that the protocol knows, nothing escapes, and the room goes on for the others."""

import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.clock import ManualClock
from foundation.identifiers import new_id
from tests.rooms.harness import Page, RoomWeb, ScriptedNode, until
from tests.rooms.test_signalling import go_in

PROTOCOL = (Path(__file__).parents[2] / "docs" / "room-protocol.md").read_text("utf-8")
CODES = set(re.findall(r"`([a-z_]+)`", PROTOCOL.split("Error codes:")[1].split(". A connection")[0])) - {"internal"}

PEOPLE = st.sampled_from(["@officer", "@village", "@stranger"])
TEXTS = st.sampled_from(["水位仍涨", "", " ", "字" * 600, "a\x00b", "<b>x</b>", "\u202e", "梨树坪"])
PLAUSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "room": st.sampled_from(["@room", "@stranger"]),
    "session": st.sampled_from(["@session", "@stranger"]),
    "participant": PEOPLE,
    "site": st.sampled_from(["lishuping", "zhongzhai", "bizhai", "nowhere"]),
    "text": TEXTS,
    "who": TEXTS,
    "kind": st.sampled_from(["decision", "note"]),
    "talk": st.sampled_from(["open", "floor"]),
    "chat": st.sampled_from(["everyone", "speakers"]),
    "id": PEOPLE,
    "due": st.integers(-1, 5_000_000_000_000),
    "sdp": st.sampled_from(["v=0", "", "x" * 70_000]),
    "slots": st.dictionaries(st.sampled_from(["v0", "v15", "v16", "a0"]), st.integers(-2, 2_000_000), max_size=4),
    "video": st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "slot": st.sampled_from(["v0", "v1", "v16", "a0"]),
                "participant": PEOPLE,
                "kind": st.sampled_from(["camera", "screen", "audio"]),
                "height": st.sampled_from([0, 180, 720.5, -1, 10**9, float("inf")]),
            },
        ),
        max_size=20,
    ),
}
FIELDS: dict[str, tuple[str, ...]] = {
    "join": ("room", "session"),
    "offer": ("sdp",),
    "want": ("video",),
    "state": ("muted", "camera", "screen", "hidden"),
    "freezes": ("slots",),
    "leave": (),
    "mute": ("participant",),
    "mute_all": (),
    "ask": ("participant",),
    "hand": ("up", "participant"),
    "rules": ("locked", "lobby", "talk", "chat"),
    "admit": ("participant",),
    "busy": (),
    "refuse": ("participant",),
    "floor": ("take",),
    "pass": ("participant",),
    "ring": ("site",),
    "rollcall": (),
    "say": ("text",),
    "minute": ("kind", "text", "who", "due", "id"),
    "remove": ("participant",),
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30) | PEOPLE | TEXTS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def events(draw: st.DrawFn) -> tuple[str, Any]:
    """An event, and what it brings: its own fields with plausible or impossible values, or anything at all."""
    event = draw(st.sampled_from(sorted(FIELDS)))
    fields = {field: PLAUSIBLE.get(field, st.booleans()) | ANYTHING for field in FIELDS[event]}
    return event, draw(st.fixed_dictionaries({}, optional=fields) | ANYTHING)


def named(value: Any, names: dict[str, str]) -> Any:
    """The value with the ids of this room in it."""
    if isinstance(value, dict):
        return {key: named(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [named(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def test_whatever_a_page_says_gets_an_answer_and_harms_nobody(
    web: RoomWeb, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    assert set(FIELDS) == set(web.signalling.handlers)
    names = {"@stranger": new_id()}

    def come() -> None:
        node.tell("load", {})
        room = web.open_room()
        for page, name in ((officer, "@officer"), (village, "@village")):
            names[name] = go_in(page, room, node)
        names.update({"@room": room, "@session": village.session})

    @settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events(), st.booleans())
    def say(said: tuple[str, Any], by_host: bool) -> None:
        clock.advance(2)
        event, payload = said
        answer = (officer if by_host else village).ask(event, named(payload, names))
        code = answer.get("error", {}).get("code") if isinstance(answer.get("error"), dict) else None
        assert code is None or code in CODES, (event, payload, code)
        if code is None and event in ("join", "leave", "remove", "rules"):
            # Somebody may have gone, or nobody new may come: the next ones find a whole room again.
            come()

    come()
    say()
    come()
    officer.ask("say", {"text": "都在吗"})
    until(lambda: village.told("said")[-1]["text"] == "都在吗")
