"""People: the page where an administrator gives and takes logins, and the page where everybody changes their own password."""

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from auth.passwords import MAX_CHARACTERS, MIN_CHARACTERS, PasswordHash, hash_password, new_password
from auth.people import NAME_LENGTH, create_person, deactivate, find_person, list_people, reactivate, set_password
from auth.permissions import PEOPLE, Role
from auth.sites import list_sites
from dashboard import messages
from dashboard.gate import Gate
from foundation.clock import Clock
from foundation.errors import FenghuoError, TooMany, UserError

PEOPLE_PATH = "/people"
PASSWORD_PATH = "/password"


def create_people(gate: Gate, clock: Clock) -> Blueprint:
    """`/people` for who manages people, `/password` for everybody with a login."""
    blueprint = Blueprint("people", __name__, template_folder="templates")
    database = gate.authority.database

    @blueprint.get(PEOPLE_PATH)
    @gate.needs("people.manage")
    def people_page() -> BaseResponse:
        return _people_page(gate)

    @blueprint.post(PEOPLE_PATH)
    @gate.needs("people.manage")
    def change_people() -> BaseResponse:
        form, principal = request.form, gate.principal()
        action, person_id = form.get("action", ""), form.get("person", "")
        # An empty field asks for a password to be made; it is shown once, on the page that answers.
        password = form.get("password") or new_password()
        try:
            # Outside the transaction: nobody else could write meanwhile.
            hashed = hash_password(password) if action in ("add", "password") else PasswordHash("")
            with database.writing() as session:
                if action == "add":
                    person = create_person(
                        session,
                        clock,
                        principal,
                        name=form.get("name", ""),
                        display_name=form.get("display_name", ""),
                        role=role_of(form.get("role", "")),
                        site_id=form.get("site") or None,
                        password_hash=hashed,
                    )
                elif action == "password":
                    person = set_password(session, clock, principal, person_id, hashed)
                elif action == "deactivate":
                    person = deactivate(session, clock, principal, person_id)
                elif action == "reactivate":
                    person = reactivate(session, clock, principal, person_id)
                else:
                    raise UserError("bad_request", field="action")
        except UserError as error:
            return _people_page(gate, error=error)
        made = password if action in ("add", "password") and not form.get("password") else ""
        return _people_page(gate, done=action, name=person.display_name, login=person.name, made=made)

    @blueprint.get(PASSWORD_PATH)
    @gate.needs("self.manage")
    def password_page() -> BaseResponse:
        return _password_page(gate)

    @blueprint.post(PASSWORD_PATH)
    @gate.needs("self.manage")
    def change_password() -> BaseResponse:
        form = request.form
        if form.get("new") != form.get("again"):
            return _password_page(gate, UserError("passwords_differ"))
        try:
            tokens = gate.authority.logins.change_password(
                gate.principal(), form.get("old", ""), form.get("new", ""), request.remote_addr
            )
        except UserError as error:
            return _password_page(gate, error)
        response = make_response(redirect(f"{PASSWORD_PATH}?done=1", 303))
        gate.cookies.log_in(response, tokens)
        return response

    return blueprint


def role_of(text: str) -> Role:
    """The role called `text`. UserError("bad_request", field="role") for none of ours."""
    try:
        return Role(text)
    except ValueError:
        raise UserError("bad_request", field="role") from None


def _people_page(
    gate: Gate, *, done: str = "", name: str = "", login: str = "", made: str = "", error: FenghuoError | None = None
) -> Response:
    lang, principal = gate.language(), gate.principal()
    roles = messages.catalogue(lang, "desk")
    with gate.authority.database.reading() as session:
        sites = [(site.id, site.name_zh if lang == "zh" else site.name_en) for site in list_sites(session)]
        people = list_people(session, principal)
    names = dict(sites)
    rows = [
        {
            "id": person.id,
            "name": person.display_name,
            "login": person.name,
            "role": roles[f"desk.role.{person.role}"],
            "site": names.get(person.site_id or "", ""),
            "active": person.active,
            "own": person.id == principal.id,
        }
        for person in sorted(people, key=lambda person: (not person.active, person.name))
    ]
    page = render_template(
        "people.html",
        lang=lang,
        t=messages.catalogue(lang, "people"),
        people=rows,
        roles=[(role.value, roles[f"desk.role.{role.value}"]) for role in Role if role in PEOPLE],
        sites=sites,
        action=PEOPLE_PATH,
        password_path=PASSWORD_PATH,
        name_length=NAME_LENGTH,
        password_length=(MIN_CHARACTERS, MAX_CHARACTERS),
        typed=request.form if error else {},
        done=done,
        name=name,
        login=login,
        made=made,
        error=gate.problems.sentence(error) if error else None,
    )
    return _fresh(make_response(page, error.status if error else 200))


def _password_page(gate: Gate, error: FenghuoError | None = None) -> Response:
    lang, principal = gate.language(), gate.principal()
    with gate.authority.database.reading() as session:
        login = find_person(session, principal.id).name
    page = render_template(
        "password.html",
        lang=lang,
        t=messages.catalogue(lang, "people"),
        action=PASSWORD_PATH,
        name=principal.name,
        login=login,
        password_length=(MIN_CHARACTERS, MAX_CHARACTERS),
        done="done" in request.args and error is None,
        error=gate.problems.sentence(error) if error else None,
    )
    response = _fresh(make_response(page, error.status if error else 200))
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.detail.get("retry_after_s", 1))
    return response


def _fresh(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
