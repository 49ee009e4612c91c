"""The duty desk in a real browser, against the real platform: by keyboard, through a dead server, and when two change the same."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from auth.principal import SYSTEM
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.settings import Settings
from operations.tasks import order_task
from tests.browser import Watched
from tests.serving import Served

BACK_MS = 30_000

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def incidents(served: Served, title: str) -> list[dict[str, object]]:
    """What the API knows under this title."""
    _, found = served.call("GET", "/api/v1/incidents")
    return [incident for incident in found if incident["title"] == title]


def record(served: Served, title: str, level: int = 4, site: str | None = "zhongzhai") -> str:
    """An incident that came in another way; its id."""
    status, made = served.call(
        "POST", "/api/v1/incidents", {"title": title, "class": "natural", "level": level, "site": site}
    )
    assert status == 201
    return str(made["id"])


def test_an_incident_is_entered_by_the_keyboard_alone(served: Served, watched: Watched, desk: Page) -> None:
    keys = desk.keyboard
    assert desk.evaluate("document.activeElement.id") == "intake-title"
    keys.type("乡道客货车相撞")
    keys.press("Enter")  # the class is missing: the form goes there
    keys.press("2")
    keys.press("3")
    keys.type("lsp")
    keys.press("Enter")
    keys.type("K7+300")
    keys.press("Tab")
    keys.type("12")
    keys.press("Control+Enter")
    # Twelve dead make it level Ⅱ; the officer, who is asked, knows better.
    expect(desk.locator("dialog")).to_contain_text("12 人死亡")
    expect(desk.locator("dialog")).to_contain_text("Ⅱ 重大")
    keys.press("Tab")
    keys.press("Enter")
    row = desk.locator("#incident-rows tr", has_text="乡道客货车相撞")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Ⅲ")
    assert desk.evaluate("document.activeElement.id") == "intake-title"
    assert desk.input_value("#intake-title") == ""
    (known,) = incidents(served, "乡道客货车相撞")
    assert (known["class"], known["level"], known["site"], known["place"]) == ("accident", 3, "lishuping", "K7+300")
    assert (known["deaths"], known["injuries"], known["loss"]) == (12, None, None)
    row.click()
    desk.fill("#toll-injuries", "5")
    desk.fill("#toll-loss", "1.5")
    desk.press("#toll-loss", "Enter")
    expect(desk.locator("dialog h2")).to_have_text("5 人重伤、直接损失 1.5 万元，确认？")
    desk.locator("dialog button[value=confirm]").click()
    expect(desk.locator(".timeline")).to_contain_text("更新伤亡损失")
    (known,) = incidents(served, "乡道客货车相撞")
    assert (known["deaths"], known["injuries"], known["loss"]) == (12, 5, 15_000)
    expect(row).to_contain_text(str(known["number"]))
    assert desk.title().startswith("(")
    assert watched.strangers() == set()
    assert watched.complaints == []


def test_the_digit_after_the_class_is_the_level_and_never_a_count_of_deaths(served: Served, desk: Page) -> None:
    keys = desk.keyboard
    for cls, title in (("1", "暴雨内涝"), ("2", "采石场塌方"), ("3", "学校食物中毒"), ("4", "集市纠纷")):
        keys.type(title)
        keys.press("Tab")
        keys.press(cls)
        keys.press("3")
        keys.press("Control+Enter")
        row = desk.locator("#incident-rows tr", has_text=title)
        expect(row).to_contain_text("Ⅲ")
        expect(desk.locator("dialog")).to_have_count(0)
        (known,) = incidents(served, title)
        assert (known["level"], known["deaths"], known["injuries"], known["loss"]) == (3, None, None, None)


def test_first_figures_of_any_class_are_confirmed_in_words_and_an_enter_too_many_confirms_nothing(
    served: Served, desk: Page
) -> None:
    keys = desk.keyboard
    keys.type("泥石流冲毁民房")
    keys.press("Tab")
    keys.type("13")
    desk.fill("#intake-deaths", "３")
    for _ in range(4):
        keys.press("Enter")  # asked, taken back, asked, taken back
    expect(desk.locator("dialog")).to_have_count(0)
    assert incidents(served, "泥石流冲毁民房") == []
    desk.fill("#intake-injuries", "一")
    keys.press("Enter")
    expect(desk.locator(".intake")).to_contain_text("“重伤（人）”应为数字")
    desk.fill("#intake-injuries", "")
    keys.press("Enter")
    expect(desk.locator("dialog h2")).to_have_text("3 人死亡，确认？")
    desk.locator("dialog button[value=confirm]").click()
    expect(desk.locator("#incident-rows tr", has_text="泥石流冲毁民房")).to_have_count(1)
    (known,) = incidents(served, "泥石流冲毁民房")
    assert (known["class"], known["deaths"], known["injuries"]) == ("natural", 3, None)


def test_an_enter_on_the_empty_form_says_what_is_missing(desk: Page) -> None:
    desk.keyboard.press("Enter")
    expect(desk.locator("#intake-title-error")).to_be_visible()


def test_a_draft_survives_a_reload_and_a_double_enter_is_one_incident(served: Served, desk: Page) -> None:
    desk.keyboard.type("后山有落石")
    desk.reload()
    expect(desk.locator("#intake-title")).to_have_value("后山有落石")
    desk.wait_for_selector("[data-part=feed][data-state=up]")
    desk.check("#class-natural", force=True)
    desk.check("#level-4", force=True)
    desk.focus("#intake-place")
    desk.keyboard.press("Enter")
    desk.keyboard.press("Enter")
    expect(desk.locator("#incident-rows tr", has_text="后山有落石")).to_have_count(1)
    assert len(incidents(served, "后山有落石")) == 1


def test_what_is_entered_while_the_server_is_dead_arrives_once(served: Served, desk: Page) -> None:
    # The window between two lives of web is shorter than this test's look: hold every request of the page back instead of hoping.
    desk.route("**/api/v1/incidents", lambda route: route.abort())
    served.kill("web")
    for key in ("断网时的接报", "\n", "1", "4", "\n"):
        if key == "\n":
            desk.keyboard.press("Enter")
        else:
            desk.keyboard.type(key)
    expect(desk.locator(".outbox__entry[data-state=server]")).to_contain_text("断网时的接报")
    served.wait_ready()
    desk.reload()
    expect(desk.locator(".outbox__entry")).to_contain_text("断网时的接报")
    desk.unroute("**/api/v1/incidents")
    expect(desk.locator("#incident-rows tr", has_text="断网时的接报")).to_have_count(1, timeout=BACK_MS)
    expect(desk.locator(".outbox__entry")).to_have_count(0)
    expect(desk.locator("[data-banner=disconnected]")).to_be_hidden()
    assert len(incidents(served, "断网时的接报")) == 1


def test_the_banner_comes_when_the_server_is_gone(served: Served, desk: Page) -> None:
    web = served.child("web")
    halted = [web, *web.children(recursive=True)]
    for process in halted:
        process.suspend()
    try:
        expect(desk.locator("[data-banner=disconnected]")).to_be_visible(timeout=5_000)
    finally:
        for process in halted:
            process.resume()
    expect(desk.locator("[data-banner=disconnected]")).to_be_hidden(timeout=BACK_MS)


def overtake(served: Served, desk: Page, incident: str, change: dict[str, object]) -> None:
    """Let `change` reach the server while the page's next change is on its way, as with two who act in the same second."""

    theirs = [change]

    def first_theirs(route: Route) -> None:
        if route.request.method == "PATCH" and theirs:
            served.call("PATCH", f"/api/v1/incidents/{incident}", theirs.pop())
        route.continue_()

    desk.route(f"**/api/v1/incidents/{incident}", first_theirs)


def test_a_level_is_changed_and_a_conflict_shows_both(served: Served, desk: Page) -> None:
    incident = record(served, "坡头水库溢洪道堵塞", level=4)
    row = desk.locator(f"tr[data-incident='{incident}']")
    row.click()
    desk.click("[data-action=level-2]")
    desk.keyboard.press("Enter")
    expect(row).to_contain_text("Ⅱ")
    expect(desk.locator(".timeline li").first).to_contain_text("Ⅳ级升为Ⅱ级")
    desk.click("[data-action=level-1]")
    served.call("PATCH", f"/api/v1/incidents/{incident}", {"level": 3})
    expect(row).to_contain_text("Ⅲ")
    desk.click("[data-action=confirm]")
    line = desk.locator("dialog [data-field=level]")
    expect(line).to_contain_text("Ⅱ 重大")  # as it was seen
    expect(line).to_contain_text("Ⅲ 较大")
    expect(line).to_contain_text("Ⅰ 特别重大")
    line.locator("input[value=mine]").check()
    desk.click("dialog button[value=save]")
    expect(row).to_contain_text("Ⅰ")
    desk.click("[data-action=close]")
    desk.locator("dialog button[value=close]").click()
    expect(row).to_have_attribute("data-status", "closed")


def test_a_conflict_shows_what_the_other_officer_wrote_about_casualties_and_each_figure_is_chosen(
    served: Served, desk: Page
) -> None:
    incident = record(served, "中巴车坠河")
    desk.click(f"tr[data-incident='{incident}']")
    desk.fill("#toll-deaths", "2")
    desk.fill("#toll-injuries", "7")
    served.call("PATCH", f"/api/v1/incidents/{incident}", {"toll": {"deaths": 4, "injuries": None, "loss": 30_000}})
    expect(desk.locator("#toll-loss")).to_have_value("3")  # nobody typed there: it follows
    expect(desk.locator("#toll-deaths")).to_have_value("2")
    desk.press("#toll-deaths", "Enter")
    desk.click("dialog button[value=confirm]")
    line = desk.locator("dialog [data-field=deaths]")
    expect(line.locator("td")).to_have_text(["不详", "4", "2"])
    expect(line.locator("input[value=theirs]")).to_be_checked()
    expect(desk.locator("dialog [data-field=injuries] input[value=mine]")).to_be_checked()
    desk.click("dialog button[value=save]")
    expect(desk.locator("#toll-deaths")).to_have_value("4")
    expect(desk.locator("#toll-injuries")).to_have_value("7")
    (known,) = incidents(served, "中巴车坠河")
    assert (known["deaths"], known["injuries"], known["loss"]) == (4, 7, 30_000)


def test_who_is_overtaken_is_shown_both_versions_and_loses_neither(served: Served, desk: Page) -> None:
    incident = record(served, "敬老院停电")
    desk.click(f"tr[data-incident='{incident}']")
    desk.click("[data-action=level-3]")
    overtake(served, desk, incident, {"toll": {"deaths": 2, "injuries": None, "loss": None}})
    desk.click("[data-action=confirm]")
    expect(desk.locator("dialog [data-field=deaths] td")).to_have_text(["不详", "2", "未改"])
    expect(desk.locator("dialog [data-field=level] input[value=mine]")).to_be_checked()
    desk.click("dialog button[value=save]")
    expect(desk.locator(f"tr[data-incident='{incident}']")).to_contain_text("Ⅲ")
    (known,) = incidents(served, "敬老院停电")
    assert (known["level"], known["deaths"]) == (3, 2)


def test_two_who_count_one_stock_keep_each_other_s_amounts(served: Served, desk: Page) -> None:
    desk.click("#tab-resources")
    row = desk.locator("tr[data-resource]", has_text="发电机")
    have, need = row.locator(".cell-have input"), row.locator(".cell-need input")
    path = f"/api/v1/resources/{row.get_attribute('data-resource')}"
    have.fill("6")  # while it has the focus its row stays as it was seen
    served.call("PATCH", path, {"need": 11})
    expect(need).to_have_value("11")
    have.press("Enter")
    expect(desk.locator("#desk-said")).to_contain_text("6")
    have.fill("7")
    served.call("PATCH", path, {"have": 9})
    have.press("Enter")
    expect(desk.locator("dialog")).to_contain_text("由 6 改为 9，您要改为 7")
    desk.click("dialog button[value=mine]")
    expect(have).to_have_value("7")
    _, found = served.call("GET", "/api/v1/resources")
    assert [(one["have"], one["need"]) for one in found if f"/api/v1/resources/{one['id']}" == path] == [(7, 11)]


def test_nothing_under_a_finger_is_redrawn(served: Served, desk: Page) -> None:
    incident = record(served, "校车抛锚")
    status, room = served.call("POST", "/api/v1/rooms", {"title": "道路会商"})
    assert status == 201
    order(served, "清理塌方", who="碧寨", incident=incident)
    desk.click(f"tr[data-incident='{incident}']")
    expect(desk.locator(f"[data-room='{room['id']}']")).to_be_visible()
    expect(desk.locator(".tasks__task", has_text="清理塌方")).to_have_count(1)
    expect(desk.locator(".timeline li")).to_have_count(1)
    selector = "#desk :is(button, a, input, tr[data-incident], li)"
    desk.evaluate("all => { window.marked = [...document.querySelectorAll(all)]; }", selector)
    link = desk.locator(f"[data-room-action='link-{room['id']}']")
    link.hover()
    desk.mouse.down()
    other = record(served, "雷击停电", level=1)
    order(served, "抢修线路", who="中寨")
    served.call("POST", "/api/v1/rooms", {"title": "抢修会商"})
    served.call("PATCH", f"/api/v1/incidents/{incident}", {"level": 2})
    expect(desk.locator(f"tr[data-incident='{other}']")).to_be_visible()
    expect(desk.locator(".detail__line .level")).to_contain_text("Ⅱ")
    assert desk.locator(".rooms__room").count() == 1  # what would push the button away waits
    desk.mouse.up()
    expect(desk.locator("#link-name")).to_be_visible()
    desk.keyboard.press("Escape")
    expect(desk.locator(".rooms__room")).to_have_count(2)
    # The journal keeps its newest lines; everything else is the same node as before.
    gone = "window.marked.filter((node) => !node.isConnected && !node.querySelector('.journal__who') && !node.matches('.journal__link'))"
    assert desk.evaluate(f"{gone}.map((node) => node.outerHTML)") == []


def test_the_system_s_own_news_redraw_no_panel(desk: Page) -> None:
    expect(desk.locator("#incident-rows tr").first).to_be_visible()
    desk.evaluate(
        """() => {
          window.changed = 0;
          const seen = new MutationObserver((all) => (window.changed += all.filter((each) => each.type === "childList").length));
          for (const id of ["desk-rooms", "desk-tasks", "desk-detail", "desk-resources"])
            seen.observe(document.getElementById(id), { childList: true, subtree: true });
        }"""
    )
    ticks = "document.querySelector('.head__clock').textContent"
    for _ in range(5):
        now = desk.evaluate(ticks)
        desk.wait_for_function(f"(before) => {ticks} !== before", arg=now)
    # An age may grow by a minute meanwhile; nothing else changes.
    assert desk.evaluate("window.changed") < 20


def test_what_was_entered_is_selected(served: Served, desk: Page) -> None:
    title = "三组桥墩被冲"
    desk.keyboard.type(title)
    for key in ("Tab", "1", "3", "Control+Enter"):
        desk.keyboard.press(key)
    expect(desk.locator(".detail__title")).to_have_text(title)
    expect(desk.locator("tr[aria-selected=true]")).to_contain_text(title)
    assert desk.evaluate("document.activeElement.id") == "intake-title"


def test_figures_that_are_being_typed_survive_what_happens_meanwhile(served: Served, desk: Page) -> None:
    incident = record(served, "便桥冲毁")
    desk.click(f"tr[data-incident='{incident}']")
    desk.fill("#toll-injuries", "2")
    other = record(served, "中寨停水")
    expect(desk.locator(f"tr[data-incident='{other}']")).to_be_visible()
    expect(desk.locator("#toll-injuries")).to_have_value("2")
    desk.keyboard.press("Enter")
    desk.locator("dialog button[value=confirm]").click()
    expect(desk.locator(".timeline li")).to_have_count(2)
    (known,) = incidents(served, "便桥冲毁")
    assert (known["deaths"], known["injuries"], known["loss"]) == (None, 2, None)


def test_a_room_about_an_incident_is_opened_and_a_join_link_made(served: Served, desk: Page) -> None:
    title = f"滑坡 {uuid4().hex[:6]}"
    incident = record(served, title, level=2)
    desk.click(f"tr[data-incident='{incident}']")
    desk.click("[data-action=room]")
    desk.keyboard.press("Enter")
    room = desk.locator(".rooms__room", has_text=title)
    expect(room).to_have_count(1)
    room.locator("[data-room-action^=link-]").click()
    desk.keyboard.type("王村长")
    desk.keyboard.press("Enter")
    expect(desk.locator("dialog img.qr")).to_be_visible()
    assert "/rooms/" in desk.locator("dialog input").input_value()
    desk.keyboard.press("Escape")
    expect(desk.locator("dialog")).to_have_count(0)


def order(served: Served, text: str, who: str, due: datetime | None = None, incident: str | None = None) -> None:
    """A task, as a consultation's decision orders it."""
    database = Database(Settings(home=served.home).database)
    with database.writing() as session:
        order_task(
            session,
            SystemClock(),
            SYSTEM.actor,
            text=text,
            who=who,
            due=due,
            incident_id=incident,
            site_id=None,
            origin=str(uuid4()),
        )
    database.close()


def test_a_task_is_acknowledged_and_finished_with_its_feedback(served: Served, desk: Page) -> None:
    incident = record(served, "河水上涨")
    late = SystemClock().now() - timedelta(minutes=5)
    order(served, "转移河边 12 户", who="梨树坪社区", due=late, incident=incident)
    desk.click("#tab-tasks")
    task = desk.locator(".tasks__task", has_text="转移河边 12 户")
    expect(task).to_have_count(1)
    expect(desk.locator("#tab-tasks")).to_have_text(f"任务 {desk.locator('.tasks__task').count()}")
    expect(task).to_contain_text("已逾期")
    expect(task).to_contain_text("河水上涨")
    task.get_by_role("button", name="签收").click()
    expect(task.locator(".badge")).to_have_text("已签收")
    task.get_by_role("button", name="办结").click()
    desk.keyboard.type("都已转移")
    desk.locator("dialog").get_by_role("button", name="办结").click()
    expect(task).to_have_count(0)
    _, entries = served.call("GET", "/api/v1/journal")
    assert [row["detail"]["feedback"] for row in entries if row["kind"] == "task.done"] == ["都已转移"]


def test_an_order_that_is_over_is_withdrawn_and_why_stands_in_the_journal(served: Served, desk: Page) -> None:
    order(served, "加派一台抽水泵", who="中寨")
    desk.click("#tab-tasks")
    task = desk.locator(".tasks__task", has_text="抽水泵")
    task.get_by_role("button", name="撤回").click()
    desk.locator("dialog").get_by_role("button", name="撤回").click()
    expect(desk.locator("#desk-said")).to_have_text("请填写内容。")
    task.get_by_role("button", name="撤回").click()
    desk.keyboard.type("水位已退")
    desk.locator("dialog").get_by_role("button", name="撤回").click()
    expect(task).to_have_count(0)
    expect(desk.locator(".journal")).to_contain_text("抽水泵（中寨）——水位已退")


def test_a_village_sees_only_what_it_may_do(served: Served, watched: Watched, village: str) -> None:
    page = watched.page()
    page.goto(f"{served.url}/login?next=/desk/")
    page.fill("#name", village)
    page.fill("#password", village * 3)
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-part=feed][data-state=up]")
    others = record(served, "中寨停电")
    incident = record(served, "全乡停电", site=None)
    page.click(f"tr[data-incident='{incident}']")
    expect(page.locator(".detail__title")).to_have_text("全乡停电")
    expect(page.locator(f"tr[data-incident='{others}']")).to_have_count(0)
    for hidden in (
        "[data-action=level-1]",
        "[data-action=close]",
        "[data-action=room]",
        "#tab-walls",
        "button.head__mode",
    ):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("#intake-site")).to_have_value("梨树坪社区")
    answer = page.request.patch(f"{served.url}/api/v1/incidents/{incident}", data={"level": 1})
    assert answer.status == 403


def test_the_first_page_names_the_ways_in(served: Served, watched: Watched) -> None:
    page = watched.page()
    page.goto(f"{served.url}/?lang=en")
    expect(page.get_by_role("link", name="Duty desk")).to_be_visible()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    expect(page.locator("#chooser-rooms")).to_have_count(0)
    page.goto(f"{served.url}/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
