"""What every page of somebody who is known carries beside its own content: the module that keeps the login."""

import json
from typing import Any

from markupsafe import Markup

from auth.principal import Principal

TAGS = Markup(
    '<script type="application/json" id="fenghuo-signedin">{}</script><script type="module" src="/assets/js/signedin.js"></script>'
)


def signed_in_tags(principal: Principal | None) -> Markup:
    """Return the tags for the page's head; none for who is not known."""
    if principal is None:
        return Markup()
    content: dict[str, Any] = {"kind": principal.kind}
    # A "</script>" in a name must not end the element.
    return TAGS.format(Markup(json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")))
