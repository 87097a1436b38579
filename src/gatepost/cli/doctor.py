"""`gatepost doctor`: says why mail does not work, for any server or for this host. Here are its options.

Everything else is imported when the command runs: the first probe must go out at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand
from typer.exceptions import TyperException

from gatepost import bom
from gatepost.errors import GatepostError, InvalidValueError

if TYPE_CHECKING:
    from gatepost.doctor.model import Question, Secret
    from gatepost.doctor.subject import Subject

NOT_TESTED: Final = 3
"""Exit code of everything that keeps the doctor from testing, wrong options too: 2 says that a server fails."""
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""

_LONGEST_PASSWORD: Final = 4096
"""Octets that are read from a file descriptor."""
_NO_ARGUMENT: Final = (
    "a password on the command line is seen by everybody on this machine, and kept by the shell\n"
    "Change it, and leave it out: the doctor asks for it with --login or --user NAME,\n"
    "or takes it from a variable with --password-env NAME, or from a file with --password-fd 0 < FILE."
)


_HELP: Final = (
    "Say why mail does not work, for any server, with a fix."
    " Exit code: 0 fine, 1 warnings, 2 fails, 3 not tested.\n\n"
    "What leaves this machine: names go to your name server, and to public ones only if it gives no "
    "usable answer; the domain's web servers are asked for settings, without your address; the mail "
    "servers are spoken to. If one does not answer, 1.1.1.1 and 9.9.9.9 are dialled to see whether there "
    "is a network at all. Without SUBJECT, gmail-smtp-in.l.google.com is dialled at port 25, and nothing "
    "is sent. The password goes to one server, encrypted."
)


def register(root: typer.Typer) -> None:
    """Adds the single command of this module."""
    root.command("doctor", cls=_Command, help=_HELP)(doctor)


class _Command(TyperCommand):
    """Refuses `--password` before anything can repeat it, and gives usage errors an exit code of their own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _ending(nagios="--nagios" in args):
            options = args[: args.index("--")] if "--" in args else args
            if any(each.split("=")[0] == "--password" for each in options):
                raise InvalidValueError(_NO_ARGUMENT)
        try:
            return super().parse_args(ctx, _addresses_last(args, self._with_values()))
        except TyperException as error:
            error.exit_code = NOT_TESTED
            raise

    def _with_values(self) -> frozenset[str]:
        """The options that take a value from the next word."""
        options = (each for each in self.params if each.param_type_name == "option" and not getattr(each, "is_flag", 0))
        return frozenset(name for each in options for name in each.opts)


def _addresses_last(args: list[str], with_values: frozenset[str]) -> list[str]:
    """An address may begin with a dash; no option has an @ in its name. What stands behind `--` is text anyway."""
    end = args.index("--") if "--" in args else len(args)
    options, text = args[:end], args[end + 1 :]
    addresses = [
        each
        for each, before in zip(options, ["", *options], strict=False)
        if each.startswith("-") and "@" in each.partition("=")[0] and before not in with_values
    ]
    return [*(each for each in options if each not in addresses), "--", *addresses, *text]


# The options, in the order of the help page.
_Subject = Annotated[
    str,
    typer.Argument(
        metavar="[SUBJECT]",
        show_default=False,
        help="A mail address, host, host:port, or URL like pop3s://host:995. Without it: this Gatepost host.",
    ),
]
_ServiceName = Annotated[
    str, typer.Option(metavar="NAME", help="Only this service: pop3s, imaps, submissions, submission, …")
]
_User = Annotated[str, typer.Option(metavar="NAME", help="Test the login of this user; asks the password.")]
_Login = Annotated[bool, typer.Option("--login", help="Test the login of the address; asks the password.")]
_PasswordEnv = Annotated[str, typer.Option(metavar="NAME", help="Take the password from this environment variable.")]
_PasswordFd = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Read the password from this file descriptor.")
]
_Sender = Annotated[
    str, typer.Option("--from", metavar="ADDRESS", help="Ask the server whether this may send; nothing is sent.")
]
_OnlyV4 = Annotated[bool, typer.Option("-4", "--ipv4", help="Only IPv4.")]
_OnlyV6 = Annotated[bool, typer.Option("-6", "--ipv6", help="Only IPv6.")]
_Inside = Annotated[
    bool,
    typer.Option(
        "--inside",
        help="The address is one of this network: its domain's records may lead to private addresses here.",
    ),
]
_AllPorts = Annotated[bool, typer.Option("--all-ports", help="Every mail port, published or not.")]
_Authorities = Annotated[str, typer.Option(metavar="FILE", help="Trust the authorities in this file as well (PEM).")]
_Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=60, help="For each single step.")]
_Resolvers = Annotated[
    list[str] | None, typer.Option(metavar="IP[:PORT]", help="Ask this name server; may be repeated.")
]
_SecondOpinion = Annotated[
    bool,
    typer.Option(
        "--second-opinion",
        help="Ask public name servers (Quad9, Cloudflare, Google), too, when yours denies a name or gives a"
        " private address. Without it they are asked only when yours gives no usable answer.",
    ),
]
_Rules = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="Your own rows of knowledge: TOML, or a folder of them.")
]
_Language = Annotated[str, typer.Option(metavar="LANGUAGE", help="en, de, fr or es; otherwise that of the system.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what passed in full, too.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Nagios = Annotated[bool, typer.Option("--nagios", help="Print one line, for monitoring.")]
_Html = Annotated[str, typer.Option(metavar="FILE", help="Write one page to send to support; - prints it.")]
_Bundle = Annotated[
    str,
    typer.Option(metavar="FILE", help="Write a report for strangers, without your names as far as known; - prints it."),
]
_Compare = Annotated[str, typer.Option(metavar="HOST", help="Test this one too, and show where they differ.")]
_Watch = Annotated[int | None, typer.Option(metavar="SECONDS", min=10, help="Test again and again; show what changes.")]


def doctor(
    context: typer.Context,
    subject: _Subject = "",
    service: _ServiceName = "",
    user: _User = "",
    login: _Login = False,
    password_env: _PasswordEnv = "",
    password_fd: _PasswordFd = None,
    sender: _Sender = "",
    v4: _OnlyV4 = False,
    v6: _OnlyV6 = False,
    all_ports: _AllPorts = False,
    inside: _Inside = False,
    ca: _Authorities = "",
    timeout: _Timeout = 5.0,
    resolver: _Resolvers = None,
    second_opinion: _SecondOpinion = False,
    rules: _Rules = None,
    lang: _Language = "",
    verbose: _Verbose = False,
    as_json: _AsJson = False,
    nagios: _Nagios = False,
    html: _Html = "",
    bundle: _Bundle = "",
    compare: _Compare = "",
    watch: _Watch = None,
) -> None:
    """Say why mail does not work, for any server, with a fix. Exit code: 0 fine, 1 warnings, 2 fails, 3 not tested."""
    with _ending(nagios=nagios):
        from gatepost.cli.examination import Order, Output, run  # noqa: PLC0415 -- `--help` needs none of it

        if not subject:
            _refuse_without_subject(
                service=service, user=user, login=login, password_env=password_env, compare=compare, sender=sender
            )
        if compare:
            _refuse_together(
                "--compare", nagios=nagios, watch=watch, html=html, bundle=bundle,
                login=login, user=user, password_env=password_env, password_fd=password_fd is not None,
            )  # fmt: skip
        _refuse_crowds({"--json": as_json, "--nagios": nagios, "--html -": html == "-", "--bundle -": bundle == "-"})
        if resolver:
            _refuse_together("--resolver", second_opinion=second_opinion)
        question = None
        if subject:
            question = _question(
                subject, service=service, user=user, sender=sender, families=_families(v4=v4, v6=v6), ca=ca,
                login=login, password_env=password_env, password_fd=password_fd, all_ports=all_ports, inside=inside,
                timeout=timeout,
            )  # fmt: skip
        order = Order(
            question=question,
            other=_other(question, compare) if question and compare else None,
            environment=context.obj,
            config=str(context.find_root().params.get("config") or ""),
            resolvers=tuple(resolver or ()),
            rules=tuple(rules or ()),
            language=lang,
            second_opinion=second_opinion,
            output=Output(json=as_json, nagios=nagios, html=html, bundle=bundle, verbose=verbose, watch=watch),
        )
        raise typer.Exit(run(order))


@contextmanager
def _ending(*, nagios: bool) -> Iterator[None]:
    """Ends the command with the right code: our own errors are one clear line and mean that nothing was tested."""
    try:
        yield
    except GatepostError as error:
        from gatepost.cli import output  # noqa: PLC0415

        problem, _, fix = str(error).partition("\n")
        if nagios:
            from gatepost.doctor.show.nagios import line  # noqa: PLC0415
            from gatepost.doctor.show.words import ExitCode  # noqa: PLC0415

            output.say(line(ExitCode.NOT_TESTED, f"{problem}. {fix}"))
        else:
            output.complain(problem, fix)
        raise typer.Exit(NOT_TESTED) from error
    except (typer.Abort, KeyboardInterrupt) as error:
        raise typer.Exit(NOT_TESTED if nagios else INTERRUPTED) from error


def _refuse_without_subject(**options: object) -> None:
    if any(options.values()):
        raise InvalidValueError(
            "without a subject the doctor examines this Gatepost host, and nobody logs in\n"
            "Say what to examine: gatepost doctor me@example.com, or gatepost doctor mail.example.com."
        )


def _refuse_together(option: str, **others: object) -> None:
    if wrong := [f"--{name.replace('_', '-')}" for name, value in others.items() if value]:
        raise InvalidValueError(f"{option} and {wrong[0]} do not go together\nGive one of them.")


def _refuse_crowds(printed: dict[str, bool]) -> None:
    """Two documents on standard output would be none."""
    if len(wrong := [option for option, wanted in printed.items() if wanted]) > 1:
        raise InvalidValueError(f"{wrong[0]} and {wrong[1]} both print\nGive one of them a file, or leave it out.")


def _families(*, v4: bool, v6: bool) -> tuple[int, ...]:
    return (6, 4) if v4 == v6 else (4,) if v4 else (6,)


def _question(
    typed: str,
    *,
    service: str,
    user: str,
    sender: str,
    families: tuple[int, ...],
    ca: str,
    login: bool,
    password_env: str,
    password_fd: int | None,
    all_ports: bool,
    inside: bool,
    timeout: float,
) -> Question:
    """What was asked. Raises InvalidValueError."""
    from gatepost.doctor.model import Question  # noqa: PLC0415
    from gatepost.doctor.subject import parse_subject, refuse_hidden  # noqa: PLC0415

    subject = parse_subject(typed)
    if ca and not Path(ca).is_file():
        raise InvalidValueError(f"there is no file {ca}\nGive --ca a file with certificates in PEM.")
    refuse_hidden(user)
    if sender and not parse_subject(sender).is_address:
        raise InvalidValueError("the sender is no mail address\nWrite --from me@example.com.")
    wanted = login or bool(user)
    return Question(
        subject=subject.subject,
        port=subject.port,
        service=_service(subject, service),
        user=user or subject.user,
        secret=_secret(subject, user or subject.user, password_env, password_fd, asks=wanted),
        sender=sender,
        families=families,
        all_ports=all_ports,
        inside=inside,
        ca_file=ca,
        timeout=timeout,
    )


def _other(question: Question, typed: str) -> Question:
    """The same question about another host."""
    from msgspec.structs import replace  # noqa: PLC0415

    from gatepost.doctor.subject import parse_subject  # noqa: PLC0415

    other = parse_subject(typed)
    return replace(
        question, subject=other.subject, port=other.port or question.port, service=other.service or question.service
    )


def _service(subject: Subject, option: str) -> str:
    """The service that was named, in the URL or by the option."""
    from gatepost.doctor.subject import service_named  # noqa: PLC0415

    named = service_named(option).name if option else ""
    if named and subject.service not in ("", named):
        raise InvalidValueError(f"the URL says {subject.service}, --service says {named}\nGive one of them.")
    return named or subject.service


def _secret(subject: Subject, user: str, variable: str, descriptor: int | None, *, asks: bool) -> Secret | None:
    """The password, if a login is to be tested. Raises InvalidValueError."""
    from gatepost.doctor.model import Secret  # noqa: PLC0415

    if not (asks or variable or descriptor is not None):
        return None
    if not user and not subject.is_address:
        raise InvalidValueError("whose login is to be tested?\nAdd --user NAME.")
    if variable and descriptor is not None:
        raise InvalidValueError("--password-env and --password-fd do not go together\nGive one of them.")
    if variable:
        return Secret(_from_variable(variable))
    return Secret(_asked(user or subject.subject) if descriptor is None else _from_descriptor(descriptor))


def _from_variable(name: str) -> str:
    if password := os.environ.get(name, ""):
        return password
    raise InvalidValueError(f"the environment variable {name} is not set, or empty\nExport the password in it.")


def _from_descriptor(descriptor: int) -> str:
    try:
        octets = b""
        while (more := os.read(descriptor, _LONGEST_PASSWORD - len(octets))) and b"\n" not in more:
            octets += more
        password = bom.first_line(octets + more)
    except OSError as error:
        raise InvalidValueError(
            f"file descriptor {descriptor} cannot be read: {error.strerror}\nOpen it: --password-fd 0 < FILE."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"what file descriptor {descriptor} holds is not UTF-8\nSave it as UTF-8.") from error
    if not password:
        raise InvalidValueError(f"file descriptor {descriptor} holds no password\nThe first line must be the password.")
    return password


def _asked(user: str) -> str:
    if not _is_terminal():
        raise InvalidValueError(
            "there is no terminal to ask for the password\nGive it by --password-env NAME, or --password-fd N."
        )
    from gatepost.cli import output  # noqa: PLC0415

    return output.ask_secret(f"Password of {user}")


def _is_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()
