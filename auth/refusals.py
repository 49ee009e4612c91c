"""Refusing a proof: whatever was wrong with it, the caller learns the same, the log says why, a counter counts."""

import logging
from typing import Literal

from prometheus_client import Counter

from foundation.errors import Unauthenticated

Proof = Literal["access", "refresh", "password", "device", "link", "node"]

REFUSED = Counter("fenghuo_auth_refused_total", "Proofs of identity that were refused.", ["proof"])

_LOG = logging.getLogger(__name__)


def refuse(proof: Proof, reason: str, **facts: str | None) -> Unauthenticated:
    """Count and log a refusal, and give the error to raise. `reason` and `facts` go to the log only and never hold what was shown as proof."""
    REFUSED.labels(proof).inc()
    _LOG.warning("proof refused", extra={"proof": proof, "reason": reason, **facts})
    return Unauthenticated("unauthenticated")
