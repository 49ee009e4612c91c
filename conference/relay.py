"""The relay server (TURN) that a page may use: its addresses and a password that ends by itself."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

CREDENTIAL_LIFE_S = 12 * 3600
"""A consultation may go on through the night: the relay asks again for the password at each renewal of a relayed address."""


def ice_servers(urls: Sequence[str], shared_secret: str, participant_id: str, now_s: int) -> list[dict[str, Any]]:
    """The `iceServers` of a page's peer connection: none without `urls` (RFC 7065), since there is never a public one.

    The browser tries all of them at once and takes the best that works: UDP, else TCP, else TLS.
    The user name is the end of its life in epoch seconds and the participant, the password its HMAC-SHA1 under the secret that coturn shares
    (draft-uberti-behave-turn-rest-00 section 2.2; coturn's `use-auth-secret`).
    """
    if not urls:
        return []
    user = f"{now_s + CREDENTIAL_LIFE_S}:{participant_id}"
    digest = hmac.new(shared_secret.encode(), user.encode(), hashlib.sha1).digest()
    return [{"urls": list(urls), "username": user, "credential": base64.b64encode(digest).decode()}]
