"""Access tokens: short-lived JWTs (RFC 7519) signed with Ed25519, pinned to that one algorithm, that carry a whole principal.

No database is asked to read one. So what was taken away (a login, a role) can be looked at until the token's life ends, at most `ACCESS_S`;
before a change, and for connections, `auth.authority.Authority.still_valid` asks the database.
"""

import math
import secrets
from datetime import timedelta
from typing import Any

import jwt

from auth.keys import KeyRing
from auth.permissions import PEOPLE, Role
from auth.principal import Principal
from auth.refusals import refuse
from foundation.clock import Clock

ACCESS_S = 15 * 60
GUEST_S = 24 * 3600
LONGEST = timedelta(seconds=GUEST_S)
AHEAD_S = 12 * 3600
"""The most that the clock may have been ahead when it issued a token: one that ran in a wrong time zone is put right while people are logged in."""
MAX_CHARACTERS = 4096
ALGORITHM = "EdDSA"
TYPE = "at+jwt"
ISSUER = "fenghuo"
AUDIENCE = "fenghuo"
REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti"]


class AccessTokens:
    """Makes and reads access tokens."""

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def issue(self, principal: Principal, lifetime_s: int = ACCESS_S) -> str:
        """A token for a person or a guest; `lifetime_s` is cut to the longest that is allowed for the kind."""
        kid, key = self._keys.signing()
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": principal.id,
            "iat": now,
            "exp": now + min(lifetime_s, _longest_s(principal.kind)),
            "jti": secrets.token_urlsafe(12),
            "kind": principal.kind,
            "name": principal.name,
            "role": principal.role.value,
            "site": principal.site_id,
            "login": principal.login_id,
            "room": principal.room_id,
            "room_role": principal.room_role,
        }
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid, "typ": TYPE})

    def read(self, token: str) -> Principal:
        """Who the token speaks for. Raises Unauthenticated, the same whether it is forged, expired, meant for others or no token at all."""
        if len(token) > MAX_CHARACTERS:
            raise refuse("access", "too long")
        try:
            header = jwt.get_unverified_header(token)
            # RFC 8725 section 3.1: the algorithm is ours to choose, not the token's.
            if header.get("alg") != ALGORITHM or header.get("typ") != TYPE:
                raise refuse("access", "algorithm or type")
            key = self._keys.verifying(header.get("kid"))
            if key is None:
                raise refuse("access", "unknown key")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                # Times are checked below, by the clock that we were given.
                options={"require": REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            # ValueError: characters that have no bytes. RecursionError: JSON that is nothing but brackets.
            raise refuse("access", type(error).__name__) from None
        self._check_times(claims)
        return _principal(claims)

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now().timestamp()
        issued, expires = claims["iat"], claims["exp"]
        if not _is_time(issued) or not _is_time(expires):
            raise refuse("access", "times are no numbers")
        if now >= expires:
            raise refuse("access", "expired")
        if issued > now + AHEAD_S:
            raise refuse("access", "issued in the future")
        if expires - issued > _longest_s(claims.get("kind")):
            raise refuse("access", "lives too long")


def _longest_s(kind: object) -> int:
    return GUEST_S if kind == "guest" else ACCESS_S


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _principal(claims: dict[str, Any]) -> Principal:
    """What the claims say, each checked for its type: a key of ours signed them, but perhaps an older program of ours."""
    texts = {name: claims.get(name) for name in ("sub", "name", "login")}
    optional = {name: claims.get(name) for name in ("site", "room", "room_role")}
    if not all(isinstance(value, str) for value in texts.values()):
        raise refuse("access", "claims")
    if not all(value is None or isinstance(value, str) for value in optional.values()):
        raise refuse("access", "claims")
    try:
        role = Role(str(claims.get("role")))
    except ValueError:
        raise refuse("access", "role") from None
    kind = claims.get("kind")
    if kind == "person" and role in PEOPLE:
        return Principal("person", claims["sub"], claims["name"], role, optional["site"], claims["login"])
    if kind == "guest" and role is Role.GUEST and optional["room"] and optional["room_role"]:
        return Principal(
            "guest",
            claims["sub"],
            claims["name"],
            role,
            login_id=claims["login"],
            room_id=optional["room"],
            room_role=optional["room_role"],
        )
    raise refuse("access", "kind")
