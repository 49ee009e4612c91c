"""The field page: a report from the place itself, made for a phone; it keeps what the network does not take."""

from flask import Blueprint, Response, make_response, render_template

from auth.sites import find_site
from dashboard.gate import Gate
from dashboard.messages import catalogue
from operations.incidents import PLACE_LENGTH, TITLE_LENGTH, IncidentClass, Level

FIELD_PATH = "/field"


def create_field(gate: Gate) -> Blueprint:
    """`/field`, for whoever may `field.use`."""
    blueprint = Blueprint("field", __name__, template_folder="templates")

    @blueprint.get(FIELD_PATH)
    @gate.needs("field.use")
    def field() -> Response:
        lang, principal = gate.language(), gate.principal()
        site = None
        if principal.site_id is not None:
            with gate.authority.database.reading() as session:
                site = find_site(session, principal.site_id)
        texts = catalogue(lang, "field")
        romans = ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"] if lang == "zh" else ["I", "II", "III", "IV"]
        page = {
            "lang": lang,
            "me": principal.id,
            # Who may report for the whole township names the place in words.
            "site": principal.site_id,
            "levels": romans,
            "messages": {key: text for key, text in texts.items() if key.startswith("field.live.")},
        }
        desk = catalogue(lang, "desk")
        response = make_response(
            render_template(
                "field.html",
                lang=lang,
                t=texts,
                page=page,
                name=principal.name,
                site=(site.name_zh if lang == "zh" else site.name_en) if site else "",
                classes=[(each.value, desk[f"desk.class.{each.value}"]) for each in IncidentClass],
                levels=[(level.value, romans[level.value - 1], desk[f"desk.level.{level.value}"]) for level in Level],
                lengths=(TITLE_LENGTH, PLACE_LENGTH),
            )
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint
