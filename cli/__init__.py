"""The command line: `mizalla serve`, `check`, `link`, `ask` and the others below. Wiring only.

Every command's `--help` shows what to type; every error says what to do, in one line, without a traceback.
"""

from __future__ import annotations

import click

from cli.asking import ask, why
from cli.attesting import attestation
from cli.census import census
from cli.country import sample
from cli.crowd import crowd
from cli.delivering import receipt, webhooks
from cli.edge import edge
from cli.figures import report
from cli.importing import import_cases
from cli.keeping import audit, credential, keys
from cli.messaging import message
from cli.opening import Group
from cli.proving import join
from cli.queue import queue
from cli.serving import check, link, serve
from cli.suggesting import suggest


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="mizalla")
def main() -> None:
    """mizalla: one GraphQL schema over ministries, NGOs and registries.

    \b
    mizalla serve --sample                         try it with an invented country
    mizalla sample credentials                     keys to try it with
    mizalla ask --as crescent-caseworker '{ me { organisation } }'
    mizalla why crescent-caseworker Person.name    who may see a field, and by which rule
    """


join(audit)
for command in (
    serve,
    check,
    link,
    edge,
    ask,
    why,
    keys,
    credential,
    attestation,
    webhooks,
    receipt,
    crowd,
    census,
    queue,
    import_cases,
    suggest,
    audit,
    sample,
    report,
    message,
):
    main.add_command(command)
