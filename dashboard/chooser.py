"""The first page `/`: what this is, the ways in for whoever asks, and the consultations that are open."""

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from dashboard.gate import Gate
from dashboard.messages import catalogue
from foundation.settings import Settings

LANGUAGES = (("zh", "中文"), ("en", "English"))
"""Each language by its own name, as its readers look for it."""


def create_chooser(gate: Gate, settings: Settings) -> Blueprint:
    """`/`; it says who runs the platform, and what is going on only to who is logged in."""
    blueprint = Blueprint("chooser", __name__, template_folder="templates")

    @blueprint.get("/")
    @gate.public("says what this is; its lists ask the API, with the reader's own login")
    def chooser() -> Response:
        lang = gate.language()
        principal = gate.principal_or_none()
        person = principal if principal is not None and principal.kind == "person" else None
        texts = catalogue(lang, "chooser")
        page = {
            "lang": lang,
            "rooms": person is not None and person.may("room.join"),
            "messages": {key: text for key, text in texts.items() if key.startswith("chooser.live.")},
        }
        response = make_response(
            render_template(
                "chooser.html",
                lang=lang,
                t=texts,
                page=page,
                person=person,
                township=settings.township_zh if lang == "zh" else settings.township_en,
                wall=person is None or person.may("wall.view"),
                desk=person is None or person.may("desk.use"),
                field=person is not None and person.may("field.use"),
                people=person is not None and person.may("people.manage"),
                role=catalogue(lang, "desk")[f"desk.role.{person.role}"] if person is not None else "",
                approve=person is not None and person.may("wall.approve"),
                trust=settings.tls == "local",
                languages=LANGUAGES,
            )
        )
        if request.args.get("lang") in dict(LANGUAGES):
            gate.cookies.speak(response, lang)
        return response

    return blueprint
