"""What a line carries: layers, stills, speech alone."""

from typing import Any

from conference.media.ladder import VOICE_BPS, VOICES_MAX, Choice, Layer, Want, allocate, voices

LAYERS = (Layer("q", 180, 100_000), Layer("h", 360, 400_000), Layer("f", 720, 1_500_000))
SOUND_BPS = VOICE_BPS * VOICES_MAX
ALL = VOICES_MAX
"""Speak at once."""
SCREEN = (Layer("", 1080, 900_000),)


def shown(slot: str, layers: tuple[Layer, ...], height: int, **more: Any) -> Want:
    """A wish for a picture that moves in its largest layer already."""
    return Want(slot, layers, height, holds=len(layers), **more)


def rids(wants: list[Want], budget_bps: int) -> dict[str, str | None]:
    """What moves in each slot."""
    plan = allocate(wants, budget_bps, ALL)
    return {slot: choice.rid if not choice.every_s else None for slot, choice in plan.choices.items()}


def test_layers_follow_height_and_budget() -> None:
    wants = [shown("v0", LAYERS, 720), shown("v1", LAYERS, 180)]
    assert rids(wants, 10_000_000) == {"v0": "f", "v1": "q"}
    assert rids(wants, SOUND_BPS + 500_000) == {"v0": "h", "v1": "q"}
    assert allocate(wants, 10_000_000, ALL).step == "full"
    assert allocate(wants, SOUND_BPS + 500_000, ALL).step == "smaller"


def test_what_does_not_move_any_more_comes_as_stills() -> None:
    wants = [shown("v0", LAYERS, 720), shown("v1", LAYERS, 180, still_bits=80_000)]
    plan = allocate(wants, SOUND_BPS + 140_000, ALL)
    assert plan.choices == {"v0": Choice("q"), "v1": Choice("q", 2.0)}
    assert plan.step == "stills"


def test_before_a_picture_stands_still_it_has_fewer_frames_and_before_that_it_is_small() -> None:
    layers = (Layer("q", 180, 50_000, slow=True), *LAYERS)
    wants = [shown("v0", layers, 720), shown("v1", layers, 180)]
    plan = allocate(wants, SOUND_BPS + 140_000, ALL)
    assert plan.choices == {"v0": Choice("q", slow=True), "v1": Choice("q", slow=True)}
    assert plan.step == "slower"
    plan = allocate(wants, SOUND_BPS + 160_000, ALL)
    assert plan.choices == {"v0": Choice("q"), "v1": Choice("q", slow=True)}
    plan = allocate(wants, SOUND_BPS + 210_000, ALL)
    assert (plan.choices, plan.step) == ({"v0": Choice("q"), "v1": Choice("q")}, "smaller")
    assert allocate(wants, 10_000_000, ALL).step == "full"
    assert allocate(wants, SOUND_BPS + 90_000, ALL).step == "stills"


def test_a_line_that_carries_no_still_in_five_seconds_carries_speech_alone() -> None:
    plan = allocate([shown("v0", LAYERS, 720)], 64_000, 1)
    assert plan.choices == {"v0": Choice("q", 64_000 / 14_000)}
    plan = allocate([shown("v0", LAYERS, 720)], 55_000, 1)
    assert (plan.choices, plan.step) == ({"v0": Choice(None)}, "speech")
    assert (voices(55_000), voices(120_000), voices(10_000_000)) == (1, 2, 3)


def test_a_shared_screen_comes_before_faces_and_who_speaks_before_who_listens() -> None:
    screen = shown("v1", SCREEN, 1080, screen=True)
    assert rids([shown("v0", LAYERS, 720), screen], SOUND_BPS + 1_000_000) == {"v0": "q", "v1": ""}
    wants = [shown("v0", LAYERS, 720), shown("v1", LAYERS, 720, speaking=True)]
    assert rids(wants, SOUND_BPS + 500_000) == {"v0": "q", "v1": "h"}


def test_a_screen_too_large_for_the_line_stays_as_sharp_stills() -> None:
    plan = allocate([shown("v0", SCREEN, 1080, screen=True, still_bits=400_000)], SOUND_BPS + 200_000, ALL)
    assert plan.choices == {"v0": Choice("", 2.0)}


def test_what_everything_would_need_is_told() -> None:
    assert allocate([shown("v0", LAYERS, 360), shown("v1", (), 360)], 100_000, ALL).needed_bps == SOUND_BPS + 400_000


def test_a_picture_gets_more_than_it_has_only_with_room_to_spare_so_that_it_does_not_come_and_go() -> None:
    layers = (Layer("q", 180, 50_000, slow=True), *LAYERS)
    for budget, holds, step in (
        (60_000, -1, "stills"),
        (66_000, -1, "slower"),
        (60_000, 0, "slower"),
        (110_000, 0, "slower"),
        (120_000, 0, "full"),
        (101_000, 1, "full"),
        (99_000, 1, "slower"),
    ):
        assert allocate([Want("v0", layers, 180, holds=holds)], SOUND_BPS + budget, ALL).step == step, (budget, holds)


def test_a_line_that_has_what_is_needed_gets_everything() -> None:
    for layers in (LAYERS, (Layer("q", 180, 50_000, slow=True), *LAYERS)):
        wants = [Want("v0", layers, 720), Want("v1", layers, 360), Want("v2", layers, 180)]
        plan = allocate(wants, 10_000, ALL)
        assert plan.step == "speech" and allocate(wants, plan.needed_bps, ALL).step == "full"


def test_who_speaks_takes_room_from_pictures_and_who_is_silent_does_not() -> None:
    wants = [shown("v0", LAYERS, 180)]
    steps = [allocate(wants, 200_000, speaking).step for speaking in (0, 1, 2, 3)]
    assert steps == ["full", "full", "full", "stills"]


def test_a_little_more_budget_never_makes_less_room_for_pictures() -> None:
    ranks = {"speech": 0, "stills": 1, "slower": 2, "smaller": 3, "full": 4}
    wants = [shown("v0", (Layer("q", 180, 50_000, slow=True), *LAYERS), 720)]
    for speaking in range(4):
        reached = [ranks[allocate(wants, budget, speaking).step] for budget in range(40_000, 2_000_000, 5_000)]
        assert reached == sorted(reached)
