"""Access tokens and their keys: what is refused, and that it is refused with one same answer."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import REGISTRY

from auth.authority import Authority
from auth.keys import RELOAD_S, ROTATE_AFTER, KeyRing
from auth.permissions import Role
from auth.principal import Principal
from auth.tokens import ACCESS_S, GUEST_S, LONGEST, AccessTokens
from foundation.clock import ManualClock
from foundation.errors import Unauthenticated
from foundation.settings import Settings

PERSON = Principal("person", "p-1", "值班员", Role.VILLAGE, "bizhai", "login-1")
GUEST = Principal("guest", "l-1", "王某", Role.GUEST, login_id="l-1", room_id="room-1", room_role="listener")


@pytest.fixture
def keys(settings: Settings, clock: ManualClock) -> KeyRing:
    return KeyRing(settings.home, clock, LONGEST)


@pytest.fixture
def access(keys: KeyRing, clock: ManualClock) -> AccessTokens:
    return AccessTokens(keys, clock)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("principal", [PERSON, GUEST])
def test_a_token_brings_back_the_principal(access: AccessTokens, principal: Principal) -> None:
    assert access.read(access.issue(principal, GUEST_S)) == principal


def test_a_persons_token_ends_after_its_life_whatever_was_asked(access: AccessTokens, clock: ManualClock) -> None:
    token = access.issue(PERSON, lifetime_s=GUEST_S)
    clock.advance(ACCESS_S - 1)
    access.read(token)
    clock.advance(1)
    with pytest.raises(Unauthenticated):
        access.read(token)


def forgeries(access: AccessTokens, keys: KeyRing) -> dict[str, str]:
    """Every forgery that the literature knows of, by name."""
    good = access.issue(PERSON)
    claims = claims_of(good)
    kid, private = keys.signing()
    header = {"alg": "EdDSA", "kid": kid, "typ": "at+jwt"}
    public = private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    stranger = Ed25519PrivateKey.generate()

    def signed(changes: dict[str, Any], key: Any = private, headers: dict[str, Any] | None = None) -> str:
        changed = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
        return jwt.encode(changed, key, algorithm="EdDSA", headers={**header, **(headers or {})})

    def hmac_signed(secret: bytes) -> str:
        import hashlib
        import hmac

        head = part({**header, "alg": "HS256"}) + "." + part(claims)
        mac = hmac.new(secret, head.encode(), hashlib.sha256).digest()
        return head + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    return {
        "alg none": f"{part({**header, 'alg': 'none'})}.{part(claims)}.",
        "alg None": f"{part({**header, 'alg': 'None'})}.{part(claims)}.",
        "HS256 with the public key in PEM": hmac_signed(pem),
        "HS256 with the raw public key": hmac_signed(public.public_bytes_raw()),
        "a stranger's key under our kid": signed({}, stranger),
        "a kid that nobody has": signed({}, headers={"kid": "0000000000000000"}),
        "a kid that is a path": signed({}, stranger, headers={"kid": "../../../../dev/null"}),
        "a kid that is a path to a key": signed({}, headers={"kid": f"../signing/{kid}"}),
        "a kid with the file's ending": signed({}, headers={"kid": f"{kid}.json"}),
        "a kid that is a query": signed({}, headers={"kid": "x' UNION SELECT 'a"}),
        "a kid that is a list": f"{part({**header, 'kid': [kid]})}.{good.split('.')[1]}.{good.split('.')[2]}",
        "no kid": f"{part({'alg': 'EdDSA', 'typ': 'at+jwt'})}.{good.split('.')[1]}.{good.split('.')[2]}",
        "a key of its own in the header": signed({}, stranger, headers={"jwk": {"kty": "OKP", "crv": "Ed25519"}}),
        "an unknown critical header": signed({}, headers={"crit": ["exp"]}),
        "another type": signed({}, headers={"typ": "JWT"}),
        "another issuer": signed({"iss": "somebody"}),
        "another audience": signed({"aud": "somebody"}),
        "no expiry": signed({"exp": ...}),
        "expiry as text": signed({"exp": "9999999999"}),
        "a life of a year": signed({"exp": claims["iat"] + 365 * 86400}),
        "issued tomorrow": signed({"iat": claims["iat"] + 86400, "exp": claims["iat"] + 86400 + 60}),
        "no jti": signed({"jti": ...}),
        "no subject": signed({"sub": ...}),
        "a role that does not exist": signed({"role": "emperor"}),
        "a person with a process's role": signed({"role": "node"}),
        "a guest with a person's role": signed({"kind": "guest", "role": "admin"}),
        "a guest of no room": signed({"kind": "guest", "role": "guest", "room": None}),
        "a kind that has other tokens": signed({"kind": "node", "role": "node"}),
        "a site that is a number": signed({"site": 5}),
        "other claims under the old signature": ".".join(
            (good.split(".")[0], part({**claims, "role": "admin"}), good.split(".")[2])
        ),
        "cut off": good[:-5],
        "empty": "",
        "two dots": "..",
        "no JSON": "a.b.c",
        "brackets": f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.e30.e30",
        "half a character": "\ud800.e30.e30",
        "too long": good + "A" * 5000,
    }


FORGERIES = [
    "alg none",
    "alg None",
    "HS256 with the public key in PEM",
    "HS256 with the raw public key",
    "a stranger's key under our kid",
    "a kid that nobody has",
    "a kid that is a path",
    "a kid that is a path to a key",
    "a kid with the file's ending",
    "a kid that is a query",
    "a kid that is a list",
    "no kid",
    "a key of its own in the header",
    "an unknown critical header",
    "another type",
    "another issuer",
    "another audience",
    "no expiry",
    "expiry as text",
    "a life of a year",
    "issued tomorrow",
    "no jti",
    "no subject",
    "a role that does not exist",
    "a person with a process's role",
    "a guest with a person's role",
    "a guest of no room",
    "a kind that has other tokens",
    "a site that is a number",
    "other claims under the old signature",
    "cut off",
    "empty",
    "two dots",
    "no JSON",
    "brackets",
    "half a character",
    "too long",
]


def test_the_list_of_forgeries_is_whole(access: AccessTokens, keys: KeyRing) -> None:
    assert list(forgeries(access, keys)) == FORGERIES


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_refused_counted_and_not_logged(
    access: AccessTokens, keys: KeyRing, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = forgeries(access, keys)[name]
    before = REGISTRY.get_sample_value("fenghuo_auth_refused_total", {"proof": "access"}) or 0
    with pytest.raises(Unauthenticated) as refused:
        access.read(token)
    assert (refused.value.code, refused.value.detail) == ("unauthenticated", {}), "always the same answer"
    assert REGISTRY.get_sample_value("fenghuo_auth_refused_total", {"proof": "access"}) == before + 1
    for record in caplog.records:
        assert len(token) < 20 or token not in repr(record.__dict__)


def test_rotation_logs_nobody_out(access: AccessTokens, keys: KeyRing, clock: ManualClock) -> None:
    person, guest = access.issue(PERSON), access.issue(GUEST, GUEST_S)
    clock.advance(60)
    first, second = keys.signing()[0], keys.rotate()
    assert first != second and keys.signing()[0] == second
    assert access.read(person) == PERSON
    clock.advance(GUEST_S - 120)
    assert access.read(guest) == GUEST
    assert access.read(access.issue(PERSON)) == PERSON


def test_a_retired_key_keeps_no_private_half_and_goes_in_the_end(
    keys: KeyRing, clock: ManualClock, settings: Settings
) -> None:
    first = keys.signing()[0]
    keys.rotate()
    path = settings.home / "secrets" / "signing" / f"{first}.json"
    assert json.loads(path.read_text())["private"] is None
    clock.advance(LONGEST.total_seconds() + 1)
    assert keys.verifying(first) is None
    keys.rotate()
    assert not path.exists()


def test_keys_are_replaced_by_themselves_in_time(keys: KeyRing, clock: ManualClock) -> None:
    first = keys.signing()[0]
    clock.advance((ROTATE_AFTER + timedelta(seconds=1)).total_seconds())
    assert keys.signing()[0] != first


def test_another_process_learns_of_a_new_key(settings: Settings, clock: ManualClock) -> None:
    here, there = KeyRing(settings.home, clock, LONGEST), KeyRing(settings.home, clock, LONGEST)
    clock.advance(10)
    here.rotate()
    assert AccessTokens(there, clock).read(AccessTokens(here, clock).issue(PERSON)) == PERSON


def test_another_process_signs_with_the_new_key_at_once(settings: Settings, clock: ManualClock) -> None:
    here, there = KeyRing(settings.home, clock, LONGEST), KeyRing(settings.home, clock, LONGEST)
    kid = here.rotate()
    clock.advance(RELOAD_S)
    assert there.signing()[0] == kid


def test_keys_are_for_the_owner_alone(keys: KeyRing, settings: Settings) -> None:
    folder = settings.home / "secrets" / "signing"
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


@pytest.mark.parametrize("token", ["", "wrong", "fhd_wrong", "a.b.c", "é", "\ud800"])
def test_every_kind_of_bad_bearer_gets_the_same_answer(authority: Authority, token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        authority.authenticate(token)
    assert str(refused.value) == "unauthenticated"


def test_the_node_token_makes_a_process(authority: Authority, settings: Settings) -> None:
    token = (settings.home / "secrets" / "node").read_text()
    node = authority.authenticate(token, "media-1")
    assert (node.kind, node.role, node.id) == ("node", Role.NODE, "media-1")
    attempts: list[Callable[[], object]] = [
        lambda: authority.authenticate(token[:-1], "media-1"),
        lambda: authority.authenticate(token + "x", "media-1"),
    ]
    for attempt in attempts:
        with pytest.raises(Unauthenticated):
            attempt()
