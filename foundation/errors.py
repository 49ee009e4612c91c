"""Errors typed by audience: what the user did, what a peer sent, what may not be; everything else is ours."""


class FenghuoError(Exception):
    """The root of the errors that Fenghuo raises on purpose.

    `code` is for programs and never changes its meaning; `detail` holds what a message template may name (never a secret).
    """

    status = 500
    audience = "operator"

    def __init__(self, code: str, **detail: object) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        if not self.detail:
            return self.code
        return f"{self.code} ({', '.join(f'{key}={value}' for key, value in self.detail.items())})"


class UserError(FenghuoError):
    """The user asked for something that cannot be done as asked; shown in their language (messages, `error.<code>`)."""

    status = 422
    audience = "user"


class NotFound(UserError):
    """What the user named does not exist, or not for them."""

    status = 404


class Conflict(UserError):
    """Somebody else changed it first; both versions are shown."""

    status = 409


class Forbidden(FenghuoError):
    """What may not be: no detail leaves the server, the reason goes to the log."""

    status = 403
    audience = "user"


class Unauthenticated(FenghuoError):
    """Nobody is logged in, or what was shown as proof is bad, expired or revoked; the answer is always the same."""

    status = 401
    audience = "user"


class TooMany(UserError):
    """Throttled: `detail["retry_after_s"]` says when to try again."""

    status = 429


class Unavailable(FenghuoError):
    """A part that is needed is down (database full, no media node); safe to try again later."""

    status = 503
    audience = "user"


class ProtocolError(FenghuoError):
    """A peer sent what the protocol does not allow; counted and dropped, never a traceback."""

    status = 400
    audience = "peer"
