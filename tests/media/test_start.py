"""What is proved at start: the private names of the libraries do what they must, or something slower does, or the node says so."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pylibsrtp
import pytest
from aiortc import RTCDtlsTransport

from conference.media import dtls, srtp
from foundation.errors import ProtocolError


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What `srtp` chose is put back at the end."""
    for name in ("IN_PLACE", "protect", "unprotect"):
        monkeypatch.setattr(srtp, name, getattr(srtp, name))
    yield monkeypatch


def refuse(*_arguments: Any) -> int:
    return 7


def garble(_handle: Any, row: Any, _length: Any) -> int:
    row[3] ^= 1
    return 0


def vanished(*_arguments: Any) -> int:
    raise AttributeError("_srtp")


def test_srtp_in_place_is_proved_and_kept() -> None:
    srtp.prove()
    assert srtp.IN_PLACE


@pytest.mark.parametrize("broken", [refuse, garble, vanished])
def test_srtp_that_does_not_work_in_place_goes_through_the_public_calls(
    fresh: pytest.MonkeyPatch, broken: srtp.InPlace
) -> None:
    fresh.setattr(srtp, "protect", broken)
    srtp.prove()
    assert not srtp.IN_PLACE
    srtp.self_test()


def test_srtp_without_its_private_handle_goes_through_the_public_calls(fresh: pytest.MonkeyPatch) -> None:
    class Bare:
        """A session of a pylibsrtp whose inside was renamed."""

        def __init__(self, policy: Any) -> None:
            self.protect = pylibsrtp.Session(policy).protect
            self.unprotect = pylibsrtp.Session(policy).unprotect

    fresh.setattr(srtp, "Session", Bare)
    srtp.prove()
    assert not srtp.IN_PLACE


def test_dtls_gives_keys_that_fit() -> None:
    asyncio.run(dtls.self_test())


def test_dtls_without_its_private_names_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCDtlsTransport, "_set_role")
    with pytest.raises(ProtocolError, match="dtls_self_test"):
        asyncio.run(dtls.self_test())
