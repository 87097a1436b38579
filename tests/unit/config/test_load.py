"""Everything that can be wrong with a file, told by file, line, problem and fix."""

import os
import pwd
from pathlib import Path

import pytest

from gatepost.config.findings import Severity, errors
from gatepost.config.load import PLACES, examine, find, load
from gatepost.config.settings import Settings
from gatepost.errors import ConfigError


@pytest.fixture
def check(tmp_path):
    def run(text, *, system=False):
        file = tmp_path / "gatepost.toml"
        file.write_text(text, "utf-8")
        return examine(file, system=system)

    return run


def one(checked):
    (finding,) = checked.findings
    return finding


def test_an_empty_file_is_right_and_means_the_defaults(check, tmp_path):
    checked = check("")
    assert checked.findings == ()
    assert checked.settings.server.data == str(tmp_path / "data")
    assert checked.settings.limits == Settings().limits


def test_no_file_means_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load(None).server.data == str(tmp_path / "data")


def test_values_arrive(check, tmp_path):
    settings = check(
        """
        [server]
        workers = 3
        drain = 5
        data = "/srv/mail"
        [[tls.certificate]]
        file = "a.pem"
        [[tls.certificate]]
        file = "b.pem"
        key = "/k.pem"
        [service.pop3s]
        port = 1995
        client_ca = "ca.pem"
        [defaults]
        delete_policy = "hold"
        """
    ).settings
    assert (settings.server.workers, settings.server.drain, settings.server.data) == (3, 5.0, "/srv/mail")
    assert [each.file for each in settings.tls.certificate] == [str(tmp_path / "a.pem"), str(tmp_path / "b.pem")]
    assert [each.key for each in settings.tls.certificate] == ["", "/k.pem"]
    assert settings.service["pop3s"].port == 1995
    assert settings.service["pop3s"].client_ca == str(tmp_path / "ca.pem")
    assert settings.defaults.delete_policy == "hold"


@pytest.mark.parametrize(
    ("text", "line", "problem", "fix"),
    [
        ("[server]\nhostnme = 'x'", 2, "unknown setting `server.hostnme`", "Did you mean `hostname`?"),
        ("[sever]\n", 1, "unknown setting `sever`", "Did you mean `server`?"),
        ("\nhostname = 'x'", 2, "unknown setting `hostname`", "in the section `[server]`"),
        ("[server]\nquota = 3", 2, "unknown setting `server.quota`", "`quota` in the section `[defaults]`"),
        ("[pop3]\nzzzzzz = 3", 2, "unknown setting `pop3.zzzzzz`", "Known in `[pop3]`: maildrop, "),
        ("zzzzzz = 3", 1, "unknown setting `zzzzzz`", "Known at the top: server, "),
        ("[service.pop3x]", 1, "unknown service `pop3x`", "Did you mean `pop3"),
        ("[server]\nworkers = 65", 2, "`server.workers` cannot be 65", "whole number, 0 to 64. Processes"),
        ("[server]\nworkers = true", 2, "cannot be true", "whole number"),
        ("[server]\ndrain = inf", 2, "`server.drain` cannot be inf", "number, at least 0"),
        ("[server]\ndrain = nan", 2, "`server.drain` cannot be nan", "number, at least 0"),
        ("[server]\nlog = 'xml'", 2, '`server.log` cannot be "xml"', 'one of "json", "text"'),
        ("[pop3]\nidle_timeout = 60", 2, "`pop3.idle_timeout` cannot be 60", "RFC 1939: at least 600"),
        ("[service.pop3s]\naddresses = '::'", 2, '`service.pop3s.addresses` cannot be "::"', "list of texts"),
        ("server = 3", 1, "`server` is a section", "Write `[server]`"),
        ("service = 3", 1, "`service` is a section", "[service.pop3s]"),
        ("[service]\npop3s = 3", 2, "`service.pop3s` is a section", "Write `[service.pop3s]`"),
        ("[tls.certificate]\nfile = 'x'", 1, "`tls.certificate` can be given several times", "`[[tls.certificate]]`"),
        ("[[tls.certificate]]\nkey = 'x'", 1, "`tls.certificate` needs `file`", "Add a line `file = …`."),
        ("[[tls.certificate]]\nfile = 3", 2, "`tls.certificate.file` cannot be 3", "text"),
        ("[server]\nhostname = 'https://x'", 2, "not a domain name: https://x", "mail.example.com"),
        ("[server]\nhostname = 'a..b'", 2, "not a domain name", "labels"),
        (f"[server]\nhostname = '{'a.' * 130}a'", 2, "not a domain name", "labels"),
        ("[server]\ndefault_domain = 'a@b'", 2, "`server.default_domain` is not a domain name", "no `@`"),
        ("[limits]\nallow = ['10.0.0.1/8']", 2, "`10.0.0.1/8` in `limits.allow` is not a network", "zero: 10.0.0.0/8."),
        ("[limits]\nallow = ['home']", 2, "`home` in `limits.allow` is not a network", "192.0.2.0/24"),
        ("[service.pop3s]\nproxy_from = ['x']", 2, "`x` in `service.pop3s.proxy_from`", "address or a network"),
        ("[service.pop3s]\naddresses = ['[::]']", 2, "`[::]` is not an address", "without a port"),
        ("[service.pop3s]\nlisten = ['::1:995']", 2, "`::1:995` is not address:port", "[2001:db8::1]:995"),
        ("[service.pop3s]\nlisten = ['[127.0.0.1]:5']", 2, "is not address:port", "[2001:db8::1]:995"),
        ("[service.pop3s]\nlisten = ['127.0.0.1:0']", 2, "`127.0.0.1:0` is not address:port", "192.0.2.1:995"),
        ("[service.pop3s]\nlisten = ['127.0.0.1:+5']", 2, "is not address:port", "192.0.2.1:995"),
        ("[service.pop3s]\naddresses = []", 2, "has no address to listen on", "on = false"),
        ("[service.imaps]\non = true", 2, "this release does not serve imaps yet", "Take out `on = true`"),
        (
            "[service.pop3s]\nlisten = ['[0:0::0]:995']",
            1,
            "pop3s and pop3s both listen on [::]:995",
            "another number or address",
        ),
        ("[server\n", 1, "not TOML: ", "Each line is `name = value`"),
        ("a = 1\nb = 'x", 2, "not TOML: ", "text stands in quotes"),
        ("a = [", 1, "not TOML: ", "text stands in quotes"),
    ],
)
def test_an_error_names_line_problem_and_fix(check, tmp_path, text, line, problem, fix):
    finding = one(check(text))
    assert finding.severity is Severity.ERROR
    assert finding.line == line
    assert problem in finding.problem
    assert fix in finding.fix
    assert str(finding).startswith(f"{tmp_path}/gatepost.toml:{line}: error: ")


@pytest.mark.parametrize(
    ("text", "line", "problem", "fix"),
    [
        ("[service.pop3]\non = true", 2, "pop3 begins without encryption", "pop3s on 995"),
        ("[service.pop3]\ncleartext_login_from = ['10.0.0.0/8']", 2, "from 10.0.0.0/8 need no encryption", "Take"),
        ("[service.pop3s]\ncleartext_login_from = ['10.0.0.0/8']", 2, "has no effect on pop3s", "Take it out."),
        ("[limits]\nfailure_delay = 20", 2, "longer than `failure_delay_most`", "the larger one"),
        ("[service.pop3s]\non = false", 1, "no service is on", "pop3s"),
    ],
)
def test_a_warning_does_not_stop_the_server(check, tmp_path, text, line, problem, fix):
    finding = one(check(text))
    assert finding.severity is Severity.WARNING
    assert finding.line == line
    assert problem in finding.problem
    assert fix in finding.fix
    load(tmp_path / "gatepost.toml")


def test_two_services_on_one_number(check):
    findings = errors(check("[service.pop3s]\nport = 4000\n[service.pop3]\non = true\nport = 4000").findings)
    assert [finding.problem for finding in findings] == [
        "pop3 and pop3s both listen on 0.0.0.0:4000",
        "pop3 and pop3s both listen on [::]:4000",
    ]


def test_settings_for_later_services_are_allowed(check):
    assert check("[service.imaps]\nport = 9930").findings == ()


def test_all_errors_at_once_in_the_order_of_lines(check, tmp_path):
    checked = check("[server]\nworkers = 99\nhostname = '-'\nlgo = 1\n[service.pop3s]\nlisten = ['x']\n[nope]\n")
    assert [finding.line for finding in checked.findings] == [2, 3, 4, 6, 7]
    assert checked.settings.server.workers == 0
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "gatepost.toml")
    assert str(caught.value).count(": error: ") == 5


def test_a_wrong_value_leaves_the_others_in_force(check):
    settings = check("[server]\nworkers = 99\nlog = 'json'\n[[tls.certificate]]\n[pop3]\nlease = 5").settings
    assert (settings.server.log, settings.pop3.lease, settings.tls.certificate[0].file) == ("json", 5.0, "")


def test_a_file_that_is_not_there(tmp_path):
    finding = one(examine(tmp_path / "none.toml", system=False))
    assert finding.where == str(tmp_path / "none.toml")
    assert finding.problem == "cannot read the file: no such file or directory"
    assert "--config" in finding.fix


def test_a_file_that_is_not_text(tmp_path):
    file = tmp_path / "gatepost.toml"
    file.write_bytes(b"\xff\xfe")
    assert one(examine(file, system=False)).problem == "the file is not text in UTF-8"


def test_findings_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").write_text("")
    assert one(examine(None, system=True)).where == "(defaults)"


def test_where_the_file_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gatepost.config.load.PLACES", (PLACES[0], tmp_path / "etc.toml"))
    assert find(None, {}) is None
    (tmp_path / "etc.toml").touch()
    assert find(None, {}) == tmp_path / "etc.toml"
    Path("gatepost.toml").touch()
    assert find(None, {}) == Path("gatepost.toml")
    assert find(None, {"GATEPOST_CONFIG": "/x.toml"}) == Path("/x.toml")
    assert find(Path("y.toml"), {"GATEPOST_CONFIG": "/x.toml"}) == Path("y.toml")


class TestThisMachine:
    def test_what_is_right_is_silent(self, check, tmp_path):
        (tmp_path / "data").mkdir(mode=0o700)
        (tmp_path / "a.pem").touch()
        user = pwd.getpwuid(os.getuid()).pw_name
        assert check(f"[server]\nuser = '{user}'\n[[tls.certificate]]\nfile = 'a.pem'", system=True).findings == ()

    def test_a_directory_that_does_not_exist_yet_is_right(self, check):
        assert check("[server]\ndata = 'a/b/c'", system=True).findings == ()

    def test_a_missing_certificate(self, check, tmp_path):
        finding = one(check("[[tls.certificate]]\nfile = 'none.pem'", system=True))
        assert (finding.line, finding.problem) == (2, f"there is no file {tmp_path}/none.pem")

    def test_an_unreadable_key(self, check, tmp_path, monkeypatch):
        (tmp_path / "a.pem").touch()
        (tmp_path / "k.pem").touch()
        monkeypatch.setattr(os, "access", lambda path, _mode: not str(path).endswith("k.pem"))
        finding = one(check("[[tls.certificate]]\nfile = 'a.pem'\nkey = 'k.pem'", system=True))
        assert (finding.line, finding.problem) == (3, f"may not read {tmp_path}/k.pem")

    def test_a_folder_that_is_closed_to_us(self, check, tmp_path, monkeypatch):
        real = os.stat

        def closed(path, *arguments, **named):
            if "/closed/" in str(path):
                raise PermissionError(13, "Permission denied")
            return real(path, *arguments, **named)

        monkeypatch.setattr(os, "stat", closed)
        text = "[server]\ndata = 'closed/d'\n[[tls.certificate]]\nfile = 'closed/c.pem'\nkey = 'closed/k.pem'"
        found = [(each.line, each.problem) for each in check(text, system=True).findings]
        says = "cannot look for {}: a folder above it is closed to this user"
        assert found == [
            (line, says.format(tmp_path / f"closed/{name}")) for line, name in ((2, "d"), (4, "c.pem"), (5, "k.pem"))
        ]

    def test_a_missing_authority(self, check, tmp_path):
        finding = one(check("[service.pop3s]\nclient_ca = 'ca.pem'", system=True))
        assert (finding.line, finding.problem) == (2, f"there is no file {tmp_path}/ca.pem")

    def test_an_unknown_user(self, check):
        finding = one(check("[server]\nuser = 'no-such-user'", system=True))
        assert (finding.line, finding.problem) == (2, "there is no user `no-such-user` on this machine")

    def test_data_that_is_a_file(self, check):
        assert one(check("[server]\ndata = 'gatepost.toml'", system=True)).problem.endswith("is not a directory")

    def test_data_that_cannot_be_written(self, check, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)
        assert one(check("[server]\ndata = 'a/b'", system=True)).problem == f"may not write in {tmp_path}"

    def test_data_that_others_can_enter(self, check, tmp_path):
        (tmp_path / "data").mkdir()
        (tmp_path / "data").chmod(0o755)
        finding = one(check("[server]\ndata = 'data'", system=True))
        assert (finding.severity, finding.fix) == (Severity.WARNING, f"chmod 700 {tmp_path}/data")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_of_windows_is_read(tmp_path, encoding):
    file = tmp_path / "gatepost.toml"
    file.write_bytes('# größer\r\n[server]\r\nhostname = "mail.example.com"\r\nwrong = 1\r\n'.encode(encoding))
    checked = examine(file, system=False)
    assert checked.settings.server.hostname == "mail.example.com"
    assert [each.line for each in checked.findings if each.line] == [4]
