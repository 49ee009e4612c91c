"""Devices in front of the page: what is refused, missing, taken or unplugged is said in plain words, and another takes over."""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.rooms.consultation import VILLAGE_SITES, Consultation, stats, until, until_hears, until_sees
from tests.serving import ADMIN, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

REFUSE = """
window.refusals = %s;
if (navigator.mediaDevices) {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (asked) => {
    for (const kind of ["audio", "video"]) if (asked[kind] && window.refusals[kind]) throw new DOMException("refused", window.refusals[kind]);
    return open(asked);
  };
}
"""
CATCH_TRACKS = """
window.opened = [];
if (navigator.mediaDevices) {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (asked) => {
    const stream = await open(asked);
    window.opened.push(...stream.getTracks());
    return stream;
  };
}
"""
UNPLUG = """(kind) => {
  const track = window.opened.filter((one) => one.kind === kind && one.readyState === "live").at(-1);
  track.stop();
  track.dispatchEvent(new Event("ended"));
}"""
"""No test can pull a cable: the browser's word for it is the event."""

NOTED = """
if (navigator.mediaDevices) {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (asked) => { window.asked = asked; return open(asked); };
}
window.awake = [];
navigator.wakeLock.request = async (what) => {
  window.awake.push(what);
  return { released: false, release: async () => void window.awake.push("released") };
};
"""
"""Writes along what the page asks of the browser."""
HOLD_BACK = """
const play = HTMLMediaElement.prototype.play;
let last = 0;
addEventListener("click", (event) => { if (event.target instanceof Element && event.target.closest("#sound")) last = performance.now(); }, true);
HTMLAudioElement.prototype.play = function () {
  return last ? play.call(this) : Promise.reject(new DOMException("no gesture", "NotAllowedError"));
};
"""
"""As Safari does; Chromium takes the click on "join" for enough."""


def before_joining(consultation: Consultation, context: BrowserContext) -> Page:
    """The page of a village before it joins."""
    answer = context.request.post(
        f"{consultation.served.url}/login", form={"name": VILLAGE_SITES[0], "password": ADMIN[1]}, max_redirects=0
    )
    assert answer.status == 303, answer.text()
    page = context.new_page()
    page.goto(consultation.url)
    return page


@pytest.mark.parametrize(
    ("refusals", "camera", "microphone"),
    [
        ('{ audio: "NotAllowedError", video: "NotAllowedError" }', "摄像头未获允许", "麦克风未获允许"),
        ('{ video: "NotReadableError" }', "摄像头正被别的程序占用", None),
        ('{ audio: "NotFoundError" }', None, "没有找到麦克风"),
    ],
)
def test_why_a_device_is_not_to_be_had_is_said_beside_it(
    served: Served, chromium: Browser, refusals: str, camera: str | None, microphone: str | None
) -> None:
    consultation = Consultation(served, chromium)
    context = consultation.context()
    context.add_init_script(REFUSE % refusals)
    page = before_joining(consultation, context)
    for kind, words in (("camera", camera), ("microphone", microphone)):
        line = page.locator(f"#trouble-{kind}")
        if words is None:
            expect(page.locator(f"#choose-{kind}")).not_to_have_value("none")
            expect(line).to_be_hidden()
        else:
            expect(line).to_contain_text(words)
    consultation.join(page)


def test_the_check_before_joining_hears_plays_and_measures(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    page = before_joining(consultation, consultation.context())
    expect(page.locator("#level-hint")).to_have_attribute("data-heard", "heard", timeout=15_000)
    expect(page.locator("#line-check")).to_have_attribute("data-verdict", "good", timeout=15_000)
    expect(page.locator("#line-check")).to_contain_text(re.compile("下行 .*[MG]bit/s，上行 .*[MG]bit/s"))
    page.click("#tone")
    expect(page.locator("#tone-hint")).to_contain_text("没听到", timeout=10_000)
    assert consultation.complaints == []


def test_the_microphone_is_opened_without_echo_and_the_screen_of_who_is_in_stays_on(
    served: Served, chromium: Browser
) -> None:
    consultation = Consultation(served, chromium)
    context = consultation.context()
    context.add_init_script(NOTED)
    page = consultation.come(VILLAGE_SITES[0], context)
    assert page.evaluate("() => window.asked.audio.echoCancellation") is True
    assert page.evaluate("() => window.awake") == ["screen"]
    page.click('[data-action="leave"]')
    until(lambda: page.evaluate("() => window.awake") == ["screen", "released"])


def test_where_the_browser_holds_sound_back_a_click_lets_it_through(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    context = consultation.context()
    context.add_init_script(HOLD_BACK)
    page = consultation.come(VILLAGE_SITES[0], context)
    expect(page.locator("#sound")).to_be_visible(timeout=10_000)
    page.click('[data-action="sound"]')
    expect(page.locator("#sound")).to_be_hidden()
    assert page.evaluate("() => [...document.querySelectorAll('#sounds audio')].every((one) => !one.paused)")


def test_an_unplugged_device_is_replaced_by_another_and_it_is_said(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    context = consultation.context()
    context.add_init_script(CATCH_TRACKS)
    village = consultation.join(before_joining(consultation, context))
    until_sees(officer, 1)
    until_hears(officer, 1)
    for kind, words in (("audio", "麦克风已断开，改用"), ("video", "摄像头已断开，改用")):
        village.evaluate(UNPLUG, kind)
        expect(village.locator("#notice")).to_contain_text(words, timeout=10_000)
    until_sees(officer, 1)
    assert stats(village)["negotiations"] == 1


def test_a_microphone_taken_by_a_phone_call_comes_back_with_a_click(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    context = consultation.context()
    context.add_init_script(CATCH_TRACKS)
    village = consultation.join(before_joining(consultation, context))
    village.evaluate("() => window.opened.find((one) => one.kind === 'audio').dispatchEvent(new Event('mute'))")
    bar = village.locator("#resume")
    expect(bar).to_be_visible()
    opened = village.evaluate("() => window.opened.length")
    bar.locator("button").click()
    expect(bar).to_be_hidden()
    until(lambda: village.evaluate("() => window.opened.length") == opened + 1)
    assert stats(village)["negotiations"] == 1


def test_another_camera_is_chosen_in_the_room_without_a_new_offer(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    village.keyboard.press("d")
    expect(village.locator("#settings")).to_be_visible()
    village.select_option("#use-camera", "none")
    expect(officer.locator('.tile:not(.tile--own)[data-picture="true"]')).to_have_count(0, timeout=15_000)
    village.select_option("#use-camera", index=0)
    village.click('[data-action="settings-close"]')
    until_sees(officer, 1)
    assert stats(village)["negotiations"] == 1


def test_a_small_camera_is_sent_at_its_own_size(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    until(lambda: any(slot["frameHeight"] == 180 for slot in stats(officer)["slots"]))
    mark = officer.locator(".tile:not(.tile--own) .quality")
    expect(mark).to_contain_text("180p", timeout=10_000)
    expect(mark).to_contain_text("kbit/s")
    assert stats(village)["negotiations"] == 1
