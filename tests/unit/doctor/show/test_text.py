"""What people see, letter by letter."""

import pytest
from msgspec.structs import replace

from gatepost.doctor.model import Security, Status
from gatepost.doctor.show.sheet import Look, Sheet
from gatepost.doctor.show.text import finding_lines, text
from gatepost.text import columns
from support.doctor_reports import Words, failing, healthy, hostile, mixed, setting

COMMAND = "gatepost doctor me@example.com"


def shown(report, command=COMMAND, **look):
    return text(report, Words(), Look(**look), command=command)


HEALTHY = """\
✓ ok    Everything works, as far as it could be tested without a password.

me@example.com: 2 services examined in 0.42 s

✓ ok    In general
    ✓ ok    2 checks passed: finding the servers, names (DNS)
✓ ok    imaps mail.example.com:993 (0.21 s)
    ✓ ok    4 checks passed: connection, where encryption begins, encryption and
            certificate, greeting
    - skip  not tested: login
✓ ok    submissions mail.example.com:465 (0.19 s)
    ✓ ok    4 checks passed: connection, where encryption begins, encryption and
            certificate, greeting
    - skip  not tested: login

What to type into your mail program

              receive (IMAP)    send (SMTP)
  Server      mail.example.com  mail.example.com
  Port        993               465
  Security    SSL/TLS           SSL/TLS
  User name   me@example.com    me@example.com
  Login with  normal password   normal password
  Works       yes               yes

How to go on

  Test the login too: this asks for the password and sends it once, encrypted.
    $ gatepost doctor me@example.com --login
  Everything, for programs:
    $ gatepost doctor me@example.com --json
"""

FAILING = """\
✗ FAIL  The certificate of mail.example.com expired 3 days ago, so mail programs
        refuse to connect.

  What to do  Renew the certificate, then reload the mail server.
  Who         the administrator of the server
  Code        C1

mail.example.com: 2 services examined in 1.4 s

✗ FAIL  imaps mail.example.com:993 (0.31 s)
    ✗ FAIL  The certificate expired 3 days ago. [C1]
        About  192.0.2.25
        Cause  It was renewed too late, or the mail server was not told to read
               the renewed one. (likely)
        Fix    Renew the certificate, then reload the mail server. (for the
               administrator of the server)
        Seen   certificate has expired (not after 2026-11-20 04:00 UTC)
        More   https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5
        Proof  $ openssl s_client -connect 192.0.2.25:993 -servername mail.example.com -crlf
    ✓ ok    1 check passed: connection
    - skip  not tested because of this: greeting, login, mailbox

✗ FAIL  pop3s mail.example.com:995 (0.31 s)
    ✗ FAIL  The certificate expired 3 days ago. [C1] (as above, 192.0.2.25)
    ✓ ok    1 check passed: connection
    - skip  not tested because of this: greeting, login, mailbox

What to type into your mail program

              receive (IMAP)
  Server      mail.example.com
  Port        993
  Security    SSL/TLS
  User name   -
  Login with  normal password
  Works       not now

How to go on

  After the fix, ask again:
    $ gatepost doctor mail.example.com
  Make a page for whoever helps you:
    $ gatepost doctor mail.example.com --html report.html
  Everything, for programs:
    $ gatepost doctor mail.example.com --json
"""


MIXED = """\
! WARN  Mail works, but slowly at times: IPv6 of mail.example.com does not
        answer.

  What to do  Remove the AAAA record, or let IPv6 through the firewall.
  Who         the administrator of the server
  Code        D5

me@example.com: 3 services examined in 6.2 s

! WARN  In general
    ! WARN  IPv6 does not answer, IPv4 does. [D5]
        About  mail.example.com (2001:db8::25)
        Cause  The name has an IPv6 address, but nothing answers there: mail
               programs wait before they try the other.
        Fix    Remove the AAAA record, or let IPv6 through the firewall. (for
               the administrator of the server)
        Seen   timed out after 5.0 s
    ✓ ok    2 checks passed: finding the servers, names (DNS)

✓ ok    imaps mail.example.com:993 (0.21 s)
    ✓ ok    5 checks passed: connection, where encryption begins, encryption and
            certificate, greeting, login

✓ ok    submission mail.example.com:587 (12 s)
    · note  The server greets with another name. [G12]

- skip  pop3 mail.example.com:110
    - skip  not tested: login

What to type into your mail program

              receive (IMAP)    send (SMTP)       receive (POP3)
  Server      mail.example.com  mail.example.com  mail.example.com
  Port        993               587               110
  Security    SSL/TLS           STARTTLS          none
  User name   me@example.com    me@example.com    -
  Login with  app password      OAuth2            Kerberos
  Works       yes               yes               not now

How to go on

  After the fix, ask again:
    $ gatepost doctor me@example.com
  Make a page for whoever helps you:
    $ gatepost doctor me@example.com --html report.html
  Everything, for programs:
    $ gatepost doctor me@example.com --json
"""


@pytest.mark.parametrize(
    ("report", "command", "golden"),
    [
        pytest.param(healthy(), COMMAND, HEALTHY, id="healthy"),
        pytest.param(failing(), "gatepost doctor mail.example.com", FAILING, id="failing"),
        pytest.param(mixed(), COMMAND, MIXED, id="mixed"),
    ],
)
def test_eighty_columns(report, command, golden):
    assert shown(report, command) == golden


def test_forty_columns():
    lines = shown(failing(), width=40).splitlines()
    assert lines[:9] == [
        "✗ FAIL  The certificate of",
        "        mail.example.com expired 3 days",
        "        ago, so mail programs refuse to",
        "        connect.",
        "",
        "  What to do: Renew the certificate,",
        "    then reload the mail server.",
        "  Who: the administrator of the server",
        "  Code: C1",
    ]


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100])
@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize(
    "report", [healthy(), failing(), mixed(), hostile()], ids=["healthy", "failing", "mixed", "hostile"]
)
def test_nothing_is_wider_than_the_terminal_but_commands(report, width, verbose):
    for line in shown(report, width=width, verbose=verbose).splitlines():
        assert columns(line) <= width or "$ " in line


def test_the_hostile_report_reaches_no_terminal():
    for colour in (False, True):
        lines = shown(hostile(), colour=colour, verbose=True)
        for code in ("1", "32", "30;43", "1;31", "0"):
            lines = lines.replace(f"\x1b[{code}m", "")
        assert all(each == "\n" or each.isprintable() for each in lines)


def test_services_too_long_for_a_table_are_stacked():
    host = "a-very-long-name-of-a-mail-server.mail.provider.example"
    report = replace(healthy(), settings=(setting("imap", 993, Security.TLS, host=host), healthy().settings[1]))
    lines = shown(report, width=60).splitlines()
    at = lines.index("  receive (IMAP)")
    assert lines[at + 1].startswith("    Server      a-very-long-name")
    assert "    Port        993" in lines
    assert "  Server      mail.example.com" in lines


def test_without_a_command_nobody_is_told_how_to_go_on():
    assert "How to go on" not in shown(healthy(), command="")


def test_without_settings_there_is_no_table():
    assert "What to type" not in shown(replace(healthy(), settings=()))


def test_verbose_shows_what_passed():
    lines = shown(mixed(), verbose=True)
    assert (
        "    ✓ ok    The certificate is good for 41 days. [OK4]\n        About  192.0.2.25\n        Seen   TLSv1.3\n"
        in lines
    )
    assert "        Seen   220 mx7.example.net ESMTP\n" in lines
    assert "checks passed" not in lines


def test_one_finding_alone():
    sheet = Sheet(Look(), Words())
    finding_lines(sheet, mixed().findings[-1], 2)
    assert sheet.text().startswith("  ! WARN  IPv6 does not answer, IPv4 does. [D5]\n      About  mail.example.com")


def test_the_same_fault_at_the_same_place_needs_no_address():
    first, second = failing().services
    bare = tuple(replace(each, subject="") for each in second.findings)
    report = replace(failing(), services=(first, replace(second, findings=bare)))
    assert "[C1] (as above)\n" in shown(report)


def test_remarks_alone_are_no_reason_for_gaps():
    assert Status.WARN not in {each.status for each in healthy().all_findings()}
    assert "\n\n✓ ok    imaps" not in shown(healthy())
