"""Who is heard, and how large pictures come."""

from conference.media.selector import AUDIO_RESERVE_BPS, Layer, Speaking, Want, allocate, heard_by, loudest

LAYERS = (Layer("q", 180, 100_000), Layer("h", 360, 400_000), Layer("f", 720, 1_500_000))


def test_all_are_heard_while_there_are_places_and_nobody_hears_themselves() -> None:
    speaking = loudest({"a": 127.0, "b": 30.0, "c": 127.0}, Speaking([], {}), 4, 0.0)
    assert speaking.order[0] == "b" and set(speaking.order) == {"a", "b", "c"}
    assert set(heard_by("b", speaking.order, [None, None, None])) == {"a", "c", None}


def test_a_voice_must_be_clearly_louder_and_the_holder_has_had_its_time() -> None:
    present = loudest({"a": 20.0, "b": 40.0}, Speaking([], {}), 2, 0.0)
    assert loudest({"a": 20.0, "b": 40.0, "c": 30.0}, present, 2, 1.0).order == ["a", "b"]
    assert loudest({"a": 20.0, "b": 40.0, "c": 36.0}, present, 2, 5.0).order == ["a", "b"]
    assert loudest({"a": 20.0, "b": 40.0, "c": 30.0}, present, 2, 5.0).order == ["a", "c"]
    assert set(loudest({"b": 40.0, "c": 127.0}, present, 2, 5.0).order) == {"b", "c"}


def test_silence_replaces_nobody() -> None:
    present = loudest({"a": 127.0}, Speaking([], {}), 1, 0.0)
    assert loudest({"a": 127.0, "b": 100.0}, present, 1, 9.0).order == ["a"]


def test_a_speaker_stays_in_the_slot_it_has() -> None:
    assert heard_by("me", ["x", "y", "z"], ["y", None, "w"]) == ["y", "x", "z"]


def test_layers_follow_height_and_budget() -> None:
    wants = [Want("v0", LAYERS, 720), Want("v1", LAYERS, 180)]
    assert allocate(wants, 10_000_000) == {"v0": "f", "v1": "q"}
    assert allocate(wants, AUDIO_RESERVE_BPS + 500_000) == {"v0": "h", "v1": "q"}
    assert allocate(wants, AUDIO_RESERVE_BPS + 150_000) == {"v0": "q", "v1": None}


def test_a_shared_screen_comes_before_faces() -> None:
    screen = Want("v1", (Layer("", 1080, 900_000),), 1080, screen=True)
    assert allocate([Want("v0", LAYERS, 720), screen], AUDIO_RESERVE_BPS + 1_000_000) == {"v0": "q", "v1": ""}
