import re
import tomllib

import msgspec
import pytest

from gatepost.config.document import reference, sample, sections, services
from gatepost.config.load import examine
from gatepost.config.settings import Settings
from gatepost.ports import SERVICES


def test_the_sample_means_the_defaults():
    assert msgspec.convert(tomllib.loads(sample()), Settings) == Settings()


def test_the_sample_with_everything_switched_on_means_the_defaults_too(tmp_path):
    file = tmp_path / "gatepost.toml"
    text = re.sub(r"^# (\w+ = |\[)", r"\1", sample(), flags=re.MULTILINE).replace('file = "server.pem"', 'file = "x"')
    file.write_text(text, "utf-8")
    settings = examine(file, system=False).settings
    assert examine(file, system=False).findings == ()
    assert (settings.limits, settings.pop3, settings.defaults) == (
        Settings().limits,
        Settings().pop3,
        Settings().defaults,
    )
    assert settings.service["pop3s"].port == 995
    assert settings.service["pop3s"].on


def test_given_values_are_in_force():
    document = tomllib.loads(sample({"server.data": "/srv", "server.default_domain": "example.com"}))
    assert document["server"] == {"data": "/srv", "default_domain": "example.com"}


@pytest.mark.parametrize(("path", "cls"), [(path, cls) for path, cls, _ in sections()])
def test_every_setting_is_on_the_page_and_in_the_sample(path, cls):
    assert f"[{path}]" in reference()
    for name in cls.__struct_fields__:
        if name != "certificate":
            assert f"| `{name}` |" in reference()
            assert re.search(rf"^# {name} = ", sample(), re.MULTILINE)


def test_every_setting_is_explained():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    assert all(row.split(" | ")[-1].strip("| ").endswith(".") for row in rows)
    assert max(map(len, sample().splitlines())) <= 100


def test_the_port_table_has_every_service():
    rows = services().splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {service.name}" for service in SERVICES]
    assert rows[0] == (
        "| pop3s | 995 | from the first byte | on | retrieve mail with POP3 | people with an account | yes |"
    )
