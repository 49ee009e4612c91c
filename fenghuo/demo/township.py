"""The demo's township: twelve villages, stations, stocks, teams, shelters, roster, people, and two incidents. All but the flood is synthetic."""

import secrets
from dataclasses import dataclass
from datetime import timedelta, tzinfo

from sqlalchemy.orm import Session

from auth.passwords import hash_password
from auth.people import create_person, find_by_name, set_password
from auth.permissions import Role
from auth.principal import SYSTEM
from auth.sites import SiteKind, create_site
from fenghuo.demo.geography import village_places
from foundation.clock import Clock
from operations.duty import add_shift, duty_state
from operations.incidents import IncidentClass, Level, list_incidents, open_incident
from operations.resources import ResourceType, add_resource
from operations.stations import Mark, NewSensor, Quantity, StationKind, add_station

TOWNSHIP = "bizhai-xiang"
VILLAGES: dict[str, tuple[str, str]] = {
    "lishuping": ("梨树坪社区", "Lishuping"),
    "maiziping": ("麦子坪", "Maiziping"),
    "yangmeitian": ("杨梅田", "Yangmeitian"),
    "zhongzhai": ("中寨", "Zhongzhai"),
    "baida": ("摆达社区", "Baida"),
    "lanbazhai": ("滥坝寨", "Lanbazhai"),
    "bizhai": ("碧寨", "Bizhai"),
    "tianning": ("天宁社区", "Tianning"),
    "sanjiacun": ("三家村", "Sanjiacun"),
    "xinlin": ("新林", "Xinlin"),
    "banpo": ("半坡", "Banpo"),
    "potou": ("坡头", "Potou"),
}
REPLAY = ("洪水实测回放", "recorded flood")
SYNTHETIC = ("示意数据", "synthetic")

SHIFT_HOURS = 12
SHIFTS = (
    (("杨志强", "138-0000-0001"), ("李春梅", "138-0000-0002")),
    (("段国华", "138-0000-0003"), ("赵永平", "138-0000-0004")),
    (("王丽萍", "138-0000-0005"), ("张文斌", "138-0000-0006")),
    (("杨志强", "138-0000-0001"), ("蒋晓燕", "138-0000-0007")),
)


@dataclass(frozen=True)
class Account:
    """A sample login; the password is made anew for each data folder."""

    name: str
    password: str
    role: str
    site: str | None


def build_sites(session: Session, clock: Clock) -> None:
    """The township, its villages, the mobile unit and the county."""
    places = village_places(list(VILLAGES))
    for number, (site, (zh, en)) in enumerate(VILLAGES.items(), start=1):
        lon, lat = places[site]
        create_site(
            session,
            clock,
            SYSTEM,
            id=site,
            code=f"530523203{200 + number}",
            name_zh=zh,
            name_en=en,
            kind=SiteKind.VILLAGE,
            lat=lat,
            lon=lon,
        )
    lon, lat = places["bizhai"]
    others = (
        (
            TOWNSHIP,
            "530523203",
            "碧寨乡应急指挥室",
            "Township command room",
            SiteKind.TOWNSHIP,
            lat + 0.004,
            lon + 0.004,
        ),
        ("mobile-1", "530523203301", "移动应急一组", "Mobile unit 1", SiteKind.MOBILE, lat - 0.012, lon + 0.02),
        ("longling", "530523", "龙陵县应急局", "Longling county", SiteKind.COUNTY, None, None),
    )
    for site, code, zh, en, kind, south, east in others:
        create_site(session, clock, SYSTEM, id=site, code=code, name_zh=zh, name_en=en, kind=kind, lat=south, lon=east)


def build_stations(session: Session, clock: Clock) -> None:
    """About forty sensors: the river with the recorded flood, brooks, rain, reservoirs, weather, soil, slopes."""
    places = village_places(list(VILLAGES))

    def station(id: str, site: str, kind: StationKind, zh: str, en: str, *sensors: NewSensor, off: float = 0.0) -> None:
        lon, lat = places[site]
        add_station(
            session,
            clock,
            SYSTEM,
            id=id,
            site_id=site,
            kind=kind,
            zh=zh,
            en=en,
            lat=lat - 0.006 + off,
            lon=lon + 0.01 + off,
            sensors=sensors,
        )

    def level(id: str, alert: float, guarantee: float, *, replay: bool) -> NewSensor:
        marks = (
            Mark("alert", alert, "警戒水位", "Alert level"),
            Mark("guarantee", guarantee, "保证水位", "Guarantee level"),
        )
        return _sensor(
            id, "stage", "水位", "Stage", "m", 1, 2, (0, 20), (0, alert), marks, REPLAY if replay else SYNTHETIC
        )

    station(
        "bizhai-river",
        "bizhai",
        "river",
        "碧寨站",
        "Bizhai gauge",
        level("bizhai-stage", 7.5, 9.5, replay=True),
        _sensor("bizhai-flow", "flow", "流量", "Flow", "m³/s", 1, 0, (0, 5000), (0, 600), (), REPLAY),
        _sensor("bizhai-basin-rain", "rain", "流域面雨量", "Areal rain", "mm/h", 1, 1, (0, 200), (0, 20), (), REPLAY),
    )
    station(
        "lishu-brook", "lishuping", "river", "梨树沟站", "Lishu brook", level("lishu-stage", 2.2, 3.0, replay=False)
    )
    station("banpo-brook", "banpo", "river", "半坡沟站", "Banpo brook", level("banpo-stage", 2.0, 2.8, replay=False))
    for site, (zh, en) in VILLAGES.items():
        station(
            f"{site}-rain-station",
            site,
            "rain",
            f"{zh}雨量站",
            f"{en} rain",
            _sensor(f"{site}-rain", "rain", "1小时雨量", "Rain in 1 h", "mm", 2, 1, (0, 200), (0, 30), (), SYNTHETIC),
            off=0.003,
        )
    for number, site in enumerate(("maiziping", "zhongzhai", "tianning", "xinlin"), start=1):
        marks = (
            Mark("limit", 842.0, "汛限水位", "Flood-season limit"),
            Mark("design", 844.5, "设计洪水位", "Design flood level"),
            Mark("check", 846.0, "校核洪水位", "Check flood level"),
        )
        station(
            f"reservoir-{number}",
            site,
            "reservoir",
            f"{number}号小水库",
            f"Reservoir {number}",
            _sensor(
                f"reservoir-{number}-stage",
                "stage",
                "库水位",
                "Stage",
                "m",
                5,
                2,
                (800, 900),
                (830, 842),
                marks,
                SYNTHETIC,
            ),
            off=-0.003,
        )
    for site in ("bizhai", "potou"):
        zh, en = VILLAGES[site]
        station(
            f"{site}-weather",
            site,
            "weather",
            f"{zh}气象站",
            f"{en} weather",
            _sensor(
                f"{site}-temperature",
                "temperature",
                "气温",
                "Temperature",
                "°C",
                5,
                1,
                (-30, 55),
                (-2, 35),
                (),
                SYNTHETIC,
            ),
            _sensor(f"{site}-humidity", "humidity", "湿度", "Humidity", "%", 5, 0, (0, 100), (20, 100), (), SYNTHETIC),
            _sensor(f"{site}-wind", "wind", "风速", "Wind", "m/s", 2, 1, (0, 75), (0, 10.8), (), SYNTHETIC),
            off=0.006,
        )
    for site in ("lanbazhai", "sanjiacun", "banpo", "yangmeitian"):
        zh, en = VILLAGES[site]
        station(
            f"{site}-soil-station",
            site,
            "soil",
            f"{zh}墒情站",
            f"{en} soil",
            _sensor(f"{site}-soil", "moisture", "土壤含水率", "Moisture", "%", 5, 1, (0, 70), (8, 38), (), SYNTHETIC),
            off=-0.006,
        )
    for number, site in enumerate(("lanbazhai", "sanjiacun", "banpo", "lishuping", "baida", "potou"), start=1):
        station(
            f"slope-{number}",
            site,
            "slope",
            f"{number}号滑坡位移站",
            f"Slope {number}",
            _sensor(
                f"slope-{number}-shift",
                "displacement",
                "24小时位移",
                "Shift in 24 h",
                "mm",
                5,
                1,
                (-50, 500),
                (0, 8),
                (),
                SYNTHETIC,
            ),
            off=-0.009,
        )


def _sensor(
    id: str,
    quantity: Quantity,
    zh: str,
    en: str,
    unit: str,
    period_s: float,
    decimals: int,
    valid: tuple[float, float],
    normal: tuple[float, float],
    marks: tuple[Mark, ...],
    source: tuple[str, str],
) -> NewSensor:
    return NewSensor(id, quantity, zh, en, unit, period_s, decimals, valid, normal, marks, *source)


def build_resources(session: Session, clock: Clock) -> None:
    """Stocks, teams and shelters, each with what there is and what the plan asks for."""
    places = village_places(list(VILLAGES))
    rows: tuple[tuple[str, ResourceType, str, str, str, float, float, str, str], ...] = (
        ("stock-tents", "stock", "救灾帐篷", "Tents", TOWNSHIP, 86, 120, "顶", "物资库 0875-000-0101"),
        ("stock-quilts", "stock", "棉被", "Quilts", TOWNSHIP, 420, 400, "床", "物资库 0875-000-0101"),
        ("stock-water", "stock", "瓶装水", "Bottled water", TOWNSHIP, 310, 500, "箱", "物资库 0875-000-0101"),
        ("stock-rice", "stock", "大米", "Rice", TOWNSHIP, 3800, 3000, "kg", "物资库 0875-000-0101"),
        ("stock-sandbags", "stock", "编织袋", "Sandbags", "bizhai", 5200, 8000, "条", "防汛仓 0875-000-0102"),
        ("stock-boats", "stock", "冲锋舟", "Boats", "bizhai", 2, 2, "艘", "防汛仓 0875-000-0102"),
        ("stock-generators", "stock", "发电机", "Generators", TOWNSHIP, 5, 8, "台", "物资库 0875-000-0101"),
        ("stock-radios", "stock", "对讲机", "Radios", TOWNSHIP, 34, 36, "部", "值班室 0875-000-0100"),
        ("team-militia", "team", "民兵应急分队", "Militia company", TOWNSHIP, 42, 50, "人", "武装部 0875-000-0111"),
        ("team-fire", "team", "森林消防队", "Forest fire team", "tianning", 18, 20, "人", "0875-000-0112"),
        ("team-medical", "team", "卫生院医疗队", "Medical team", TOWNSHIP, 9, 12, "人", "卫生院 0875-000-0120"),
        ("team-road", "team", "道路抢险队", "Road team", "baida", 14, 12, "人", "0875-000-0113"),
        ("shelter-school", "shelter", "中心小学", "Central school", "bizhai", 460, 600, "人", "0875-000-0131"),
        ("shelter-hall", "shelter", "摆达文化活动室", "Baida hall", "baida", 180, 150, "人", "0875-000-0132"),
        ("shelter-square", "shelter", "天宁广场", "Tianning square", "tianning", 300, 300, "人", "0875-000-0133"),
    )
    for id, kind, zh, en, site, have, need, unit, contact in rows:
        lon, lat = places.get(site, places["bizhai"])
        add_resource(
            session,
            clock,
            SYSTEM,
            id=id,
            type=kind,
            zh=zh,
            en=en,
            site_id=site,
            have=have,
            need=need,
            unit=unit,
            contact=contact,
            lat=lat + 0.008,
            lon=lon - 0.01,
        )


def build_roster(session: Session, clock: Clock) -> None:
    """Shifts from now on, unless somebody is on duty already."""
    if duty_state(session, clock.now())["shift"] is not None:
        return
    starts = clock.now().replace(minute=0, second=0, microsecond=0)
    for leader, officer in SHIFTS:
        ends = starts + timedelta(hours=SHIFT_HOURS)
        add_shift(session, clock, SYSTEM, starts=starts, ends=ends, leader=leader, officer=officer, site_id=TOWNSHIP)
        starts = ends


def build_incidents(session: Session, clock: Clock, zone: tzinfo) -> None:
    """Two small incidents of the last hours, unless there are some already."""
    if list_incidents(session, SYSTEM, limit=1):
        return
    rows = (
        ("滥坝寨乡道塌方，单幅通行", IncidentClass.ACCIDENT, Level.IV, "lanbazhai", "乡道 K7+300", 95),
        ("梨树沟涨水，沿河巡查", IncidentClass.NATURAL, Level.III, "lishuping", "梨树沟下段", 40),
    )
    for title, kind, level, site, place, minutes in rows:
        open_incident(
            session,
            clock,
            SYSTEM,
            zone=zone,
            title=title,
            incident_class=kind,
            level=level,
            site_id=site,
            place=place,
            happened_at=clock.now() - timedelta(minutes=minutes),
        )


def build_people(session: Session, clock: Clock) -> list[Account]:
    """One sample login a role, with passwords made now; logins that exist get the new password."""
    wanted = (
        ("admin", "系统管理员", Role.ADMIN, None),
        ("leader", "杨志强", Role.LEADER, None),
        ("commander", "段国华", Role.COMMANDER, None),
        ("duty", "李春梅", Role.DUTY, None),
        ("village", "碧寨联络员", Role.VILLAGE, "bizhai"),
        ("field", "移动一组", Role.FIELD, "mobile-1"),
    )
    accounts = []
    for name, shown, role, site in wanted:
        password = secrets.token_urlsafe(9)
        person = find_by_name(session, name)
        if person is None:
            create_person(
                session,
                clock,
                SYSTEM,
                name=name,
                password_hash=hash_password(password),
                role=role,
                display_name=shown,
                site_id=site,
            )
        else:
            set_password(session, clock, SYSTEM, person_id=person.id, password_hash=hash_password(password))
        accounts.append(Account(name, password, role.value, site))
    return accounts
