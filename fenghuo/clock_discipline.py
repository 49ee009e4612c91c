"""Whether the kernel's clock is held true by somebody (NTP, a GPS receiver), as the kernel itself says."""

import ctypes
import struct

TIMEX_BYTES = 512
"""More than struct timex has on any machine."""
STATUS = struct.Struct("@Illlli")
"""The beginning of struct timex (adjtimex(2)): modes, offset, freq, maxerror, esterror, status."""
STA_UNSYNC = 0x0040
"""Set in `status` while nobody disciplines the clock."""


def is_disciplined() -> bool | None:
    """True while a time source holds the clock; None where the kernel does not say (not Linux, or not allowed to ask)."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "adjtimex"):
        return None
    # `modes` is 0: nothing is changed, only read.
    timex = ctypes.create_string_buffer(TIMEX_BYTES)
    if library.adjtimex(timex) < 0:
        return None
    status = STATUS.unpack_from(timex)[5]
    return not status & STA_UNSYNC
