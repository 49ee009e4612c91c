"""Who is heard."""

from conference.media.selector import Speaking, heard_by, loudest


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
