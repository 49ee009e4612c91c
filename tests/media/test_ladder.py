"""What a line carries: layers, stills, speech alone."""

from conference.media.ladder import VOICE_BPS, VOICES_MAX, Choice, Layer, Want, allocate, voices

LAYERS = (Layer("q", 180, 100_000), Layer("h", 360, 400_000), Layer("f", 720, 1_500_000))
SOUND_BPS = VOICE_BPS * VOICES_MAX
SCREEN = (Layer("", 1080, 900_000),)


def rids(wants: list[Want], budget_bps: int) -> dict[str, str | None]:
    """What moves in each slot."""
    plan = allocate(wants, budget_bps)
    return {slot: choice.rid if not choice.every_s else None for slot, choice in plan.choices.items()}


def test_layers_follow_height_and_budget() -> None:
    wants = [Want("v0", LAYERS, 720), Want("v1", LAYERS, 180)]
    assert rids(wants, 10_000_000) == {"v0": "f", "v1": "q"}
    assert rids(wants, SOUND_BPS + 500_000) == {"v0": "h", "v1": "q"}
    assert allocate(wants, 10_000_000).step == "full"
    assert allocate(wants, SOUND_BPS + 500_000).step == "smaller"


def test_what_does_not_move_any_more_comes_as_stills() -> None:
    wants = [Want("v0", LAYERS, 720), Want("v1", LAYERS, 180, still_bits=80_000)]
    plan = allocate(wants, SOUND_BPS + 140_000)
    assert plan.choices == {"v0": Choice("q"), "v1": Choice("q", 2.0)}
    assert plan.step == "stills"


def test_before_a_picture_stands_still_it_has_fewer_frames_and_before_that_it_is_small() -> None:
    layers = (Layer("q", 180, 50_000, slow=True), *LAYERS)
    wants = [Want("v0", layers, 720), Want("v1", layers, 180)]
    plan = allocate(wants, SOUND_BPS + 140_000)
    assert plan.choices == {"v0": Choice("q", slow=True), "v1": Choice("q", slow=True)}
    assert plan.step == "slower"
    plan = allocate(wants, SOUND_BPS + 160_000)
    assert plan.choices == {"v0": Choice("q"), "v1": Choice("q", slow=True)}
    plan = allocate(wants, SOUND_BPS + 210_000)
    assert (plan.choices, plan.step) == ({"v0": Choice("q"), "v1": Choice("q")}, "smaller")
    assert allocate(wants, 10_000_000).step == "full"
    assert allocate(wants, SOUND_BPS + 90_000).step == "stills"
    slowed = [Want("v0", layers, 180, slowed=True)]
    assert allocate(slowed, SOUND_BPS + 110_000).step == "slower", "it comes back with room to spare"
    assert allocate(slowed, SOUND_BPS + 120_000).step == "full"


def test_a_line_that_carries_no_still_in_five_seconds_carries_speech_alone() -> None:
    plan = allocate([Want("v0", LAYERS, 720)], 64_000)
    assert plan.choices == {"v0": Choice("q", 64_000 / 14_000)}
    plan = allocate([Want("v0", LAYERS, 720)], 55_000)
    assert (plan.choices, plan.step) == ({"v0": Choice(None)}, "speech")
    assert (voices(55_000), voices(120_000), voices(10_000_000)) == (1, 2, 3)


def test_a_shared_screen_comes_before_faces_and_who_speaks_before_who_listens() -> None:
    screen = Want("v1", SCREEN, 1080, screen=True)
    assert rids([Want("v0", LAYERS, 720), screen], SOUND_BPS + 1_000_000) == {"v0": "q", "v1": ""}
    wants = [Want("v0", LAYERS, 720), Want("v1", LAYERS, 720, speaking=True)]
    assert rids(wants, SOUND_BPS + 500_000) == {"v0": "q", "v1": "h"}


def test_a_screen_too_large_for_the_line_stays_as_sharp_stills() -> None:
    plan = allocate([Want("v0", SCREEN, 1080, screen=True, still_bits=400_000)], SOUND_BPS + 200_000)
    assert plan.choices == {"v0": Choice("", 2.0)}


def test_what_everything_would_need_is_told() -> None:
    assert allocate([Want("v0", LAYERS, 360), Want("v1", (), 360)], 100_000).needed_bps == VOICE_BPS * 2 + 400_000
