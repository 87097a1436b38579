import tomllib

from hypothesis import given
from hypothesis import strategies as st

from gatepost.config.locate import line_of, locate

TEXT = '''\
# a comment [not.a.table]
top = 1
[server]
hostname = "a # b = c"   # comment
"data" = """
[x]
a = "3\\""" """
a.b . c = [
  "x", # ] still inside
  { y = 3 },
]
raw = \'\'\'
[y]
\'\'\'
after = 'it'
[[tls.certificate]]
file = "1"
[[ tls.certificate ]]
file = "2"
[ service . pop3s ]
on = true
inline = { port = 1,
  }
'''.replace("inline = { port = 1,\n  }", "inline = { port = 1 }")


def test_every_key_has_its_line():
    assert tomllib.loads(TEXT)
    found = locate(TEXT)
    assert found["top",] == 2
    assert found["server",] == 3
    assert found["server", "hostname"] == 4
    assert found["server", "data"] == 5
    assert found["server", "a", "b", "c"] == 8
    assert found["server", "raw"] == 12
    assert found["server", "after"] == 15
    assert found["tls", "certificate", 0, "file"] == 17
    assert found["tls", "certificate", 1] == 18
    assert found["tls", "certificate", 1, "file"] == 19
    assert found["service", "pop3s", "on"] == 21
    assert found["service", "pop3s", "inline"] == 22
    assert not any("x" in path or "y" in path for path in found)


def test_what_has_no_line_takes_that_of_what_is_around_it():
    lines = {("server",): 3}
    assert line_of(("server", "data"), lines) == 3
    assert line_of(("server",), lines) == 3
    assert line_of(("tls", "minimum"), lines) == 0
    assert line_of((), lines) == 0


WORDS = st.text("abc", min_size=1, max_size=3)
VALUES = st.sampled_from(["1", '"#\\""', "'['", "[1, 2]", '[\n "]", # ]\n]', '"""\n[a]\n"""', "{ b = [1] }", "true"])


@given(
    st.lists(
        st.tuples(WORDS, st.lists(st.tuples(WORDS, VALUES), unique_by=lambda pair: pair[0])), unique_by=lambda s: s[0]
    )
)
def test_any_file_that_toml_takes(sections):
    lines, expected = [], {}
    for section, pairs in sections:
        expected[section,] = len("\n".join(lines).split("\n")) + bool(lines)
        lines.append(f"[{section}]  # {section}")
        for key, value in pairs:
            expected[section, key] = len("\n".join(lines).split("\n")) + 1
            lines.append(f"{key} = {value}")
    text = "\n".join(lines)
    tomllib.loads(text)
    assert locate(text) == expected
