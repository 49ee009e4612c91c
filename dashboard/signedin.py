"""What every page of somebody who is known carries beside its own content: it keeps the login, and rings when their site is called."""

import json
from typing import Any

from markupsafe import Markup

from auth.principal import Principal
from dashboard.messages import Lang, catalogue

TAGS = Markup(
    '<link rel="stylesheet" href="/assets/css/ring.css"><script type="application/json" id="fenghuo-signedin">{}</script>'
    '<script type="module" src="/assets/js/signedin.js"></script>'
)


def signed_in_tags(principal: Principal | None, lang: Lang) -> Markup:
    """Return the tags for the page's head; none for who is not known."""
    if principal is None:
        return Markup()
    content: dict[str, Any] = {
        "kind": principal.kind,
        "lang": lang,
        "site": principal.site_id,
        "messages": catalogue(lang, "ring"),
    }
    # A "</script>" in a name must not end the element.
    return TAGS.format(Markup(json.dumps(content, ensure_ascii=False).replace("<", "\\u003c")))
