import json as standard

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gatepost.doctor.show.compare import Comparison
from gatepost.doctor.show.json import SCHEMA, Document, document, encoded, json, schema
from support.doctor_reports import failing, healthy, hostile, mixed

REPORTS = [healthy(), failing(), mixed(), hostile()]


@pytest.mark.parametrize("report", REPORTS)
def test_it_reads_back_as_the_same(report):
    assert msgspec.json.decode(json(report), type=Document) == document(report)


def test_the_shape_that_programs_rely_on():
    found = standard.loads(json(mixed()))
    assert (found["schema"], found["kind"], found["exit_code"]) == (SCHEMA, "report", 1)
    assert found["verdict"]["because"] == "D5"
    service = found["services"][0]
    assert (service["service"], service["protocol"], service["host"], service["port"]) == (
        "imaps",
        "imap",
        "mail.example.com",
        993,
    )
    assert service["certificate_expires"] == "2027-01-03T18:13:20Z"
    assert found["services"][1]["certificate_expires"] is None
    assert found["settings"][1]["security"] == "STARTTLS"
    assert found["findings"][-1]["who"] == "administrator"


@pytest.mark.parametrize("report", REPORTS)
def test_nothing_in_it_steers_a_terminal(report):
    text = json(report)
    assert all(" " <= each <= "~" or each == "\n" for each in text)
    assert standard.loads(text)["subject"] == report.subject


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(text):
    report = replace(healthy(), subject=text)
    assert standard.loads(json(report))["subject"] == text


def test_a_document_for_each_line():
    assert "\n" not in json(hostile(), lines=True)
    assert standard.loads(json(healthy(), lines=True)) == standard.loads(json(healthy()))
    assert encoded(document(healthy())) == json(healthy())


def test_the_schema_names_every_document_and_every_field():
    made = schema(Document, Comparison)
    assert [each["$ref"] for each in made["anyOf"]] == ["#/$defs/Document", "#/$defs/Comparison"]
    fields = made["$defs"]["Document"]["properties"]
    assert fields["schema"] == {"enum": [SCHEMA]}
    assert set(standard.loads(json(healthy()))) == set(fields)
    standard.dumps(made)
