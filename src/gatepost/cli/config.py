"""`gatepost init` and `gatepost config check`: make a configuration, and say everything that is wrong with one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.config.document import sample
from gatepost.config.findings import Finding, errors
from gatepost.config.listeners import PRIVILEGED_BELOW, live, may_bind_low_ports
from gatepost.config.load import examine
from gatepost.config.settings import Settings
from gatepost.net.certificate_check import check_certificates
from gatepost.net.places import bindable
from gatepost.text import printable

FILE: Final = Path("gatepost.toml")
"""What `init` writes, in the current directory."""

app = typer.Typer(no_args_is_help=True, help="The configuration file.")


@app.callback()
def _group() -> None:
    """Keeps `check` a command of its own while it is the only one."""


def register(root: typer.Typer) -> None:
    """Adds the single commands of this module."""
    root.command("init")(init)


def init(
    context: typer.Context,
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Domain of your mail, e.g. example.com.")] = "",
    data: Annotated[str, typer.Option(metavar="DIR", help="Directory for accounts, mail and keys.")] = "",
) -> None:
    """Write a commented gatepost.toml, in which every setting is explained."""
    environment: Environment = context.obj
    file = environment.config_file or FILE
    given = {"server.data": data} if data else {}
    if not re.fullmatch(r"|[\w-]+(\.[\w-]+)*\.?", domain):
        output.fail(f"`{printable(domain)}` is not a domain", "Give a name such as example.com.")
    if domain := domain.lower().rstrip("."):
        given |= {"server.hostname": f"mail.{domain}", "server.default_domain": domain}
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(sample(given))
    except FileExistsError:
        output.fail(f"{file} exists already", "Edit it, or move it away first. `gatepost config check` checks it.")
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        output.fail(f"cannot write {file}: {reason}", "Go to a directory you may write in.")
    _next_steps(file, domain)


def _next_steps(file: Path, domain: str) -> None:
    option = "" if file == FILE else f" --config {file}"
    output.say(f"Wrote {file}. Next:")
    if domain:
        output.say(f"  1. Let the name mail.{domain} lead to this machine (DNS A and AAAA), or change `hostname`.")
    else:
        output.say("  1. Look through the file: every setting is explained, and the defaults are safe.")
    output.say(f"  2. gatepost{option} config check")
    output.say(f"  3. gatepost{option} domain add {domain or 'example.com'}")
    output.say(f"  4. gatepost{option} user add alice@{domain or 'example.com'}")
    output.say(f"  5. gatepost{option} serve")


@app.command("check")
def check(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="The file; left out: the one in force.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """Check the configuration: every error at once, with its line and the fix. Exit code 1 if there is one."""
    environment: Environment = context.obj
    place = file or environment.config_file
    checked = examine(place, system=True, more=check_certificates)
    findings = checked.findings
    if as_json:
        output.json([_plain(finding) for finding in findings])
    else:
        _explain(place, findings)
        if not errors(findings):
            _tell_ports(checked.settings)
    if errors(findings):
        raise typer.Exit(1)


def _plain(finding: Finding) -> dict[str, object]:
    return {
        "file": str(finding.file) if finding.file else None,
        "line": finding.line or None,
        "severity": finding.severity,
        "problem": finding.problem,
        "fix": finding.fix,
    }


def _explain(place: Path | None, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        output.say(str(finding))
    wrong = len(errors(findings))
    name = place or "No file, so the defaults"
    if not findings:
        output.say(f"{name}: all right.")
    else:
        output.say(f"{_count(wrong, 'error')}, {_count(len(findings) - wrong, 'warning')}.")


def _tell_ports(settings: Settings) -> None:
    """The numbers that `serve` would bind, which depend on who starts it."""
    listeners = bindable(live(settings, privileged=may_bind_low_ports()))
    places = ", ".join(f"{each.service.name} on {each.where}" for each in listeners)
    output.say(f"Started by this user it listens: {places}." if places else "It listens nowhere: no service is on.")
    if not all(each.standard_port for each in listeners):
        usual = dict.fromkeys(str(each.port) for each in live(settings, privileged=True) if each.standard_port)
        output.say(
            f"Ports below {PRIVILEGED_BELOW} need root or CAP_NET_BIND_SERVICE (with it: {', '.join(usual)}), so "
            "numbers are moved up."
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
