"""Downloads of tables, recorded in the audit log."""

from fastapi import Request, Response

from escalation.speech.i18n import gettext_noop
from gateway.runtime.audit import note
from gateway.runtime.spreadsheets import MEDIA_TYPES, Form, Table, written_as
from gateway.web.rendering import PageRefused, get_line
from models import Person

NO_SUCH_TABLE = gettext_noop("There is no such download.")


def read_format(said: str) -> Form:
    if said not in MEDIA_TYPES:
        raise PageRefused(404, NO_SUCH_TABLE)
    return said


def download(
    request: Request, manager: Person, table: Table, form: Form, *, about: str, file: str
) -> Response:
    line = get_line(request)
    with line.database.writing() as session:
        note(
            session,
            program_id=manager.program_id,
            by=manager,
            action="export",
            about=about,
            now=line.clock(),
            form=form,
            rows=len(table.rows),
        )
    headers = {"Content-Disposition": f'attachment; filename="{file}.{form}"'}
    return Response(written_as(table, form), media_type=MEDIA_TYPES[form], headers=headers)
