"""The relay server (TURN) that a page may use: its address and a password that ends by itself."""

import base64
import hashlib
import hmac
from typing import Any

CREDENTIAL_LIFE_S = 12 * 3600


def ice_servers(turn_url: str, shared_secret: str, participant_id: str, now_s: int) -> list[dict[str, Any]]:
    """The `iceServers` of a page's peer connection: none without `turn_url`, since there is never a public one.

    The user name is the end of its life in epoch seconds and the participant, the password its HMAC-SHA1 under the secret that coturn shares
    (draft-uberti-behave-turn-rest-00 section 2.2; coturn's `use-auth-secret`).
    """
    if not turn_url:
        return []
    user = f"{now_s + CREDENTIAL_LIFE_S}:{participant_id}"
    digest = hmac.new(shared_secret.encode(), user.encode(), hashlib.sha1).digest()
    return [{"urls": [turn_url], "username": user, "credential": base64.b64encode(digest).decode()}]
