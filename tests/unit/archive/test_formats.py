from __future__ import annotations

import pytest

from gatepost.archive import eml, maildir, mbox
from gatepost.archive.formats import Format, detect, read, writer
from gatepost.errors import InvalidValueError

FROM = b"From a@x Thu Jan  1 00:01:40 1970\n\nx\n"


def test_every_format_is_found_out(tmp_path) -> None:
    for name, form in (("a/x/cur/1", Format.MAILDIR), ("b/x/1.eml", Format.EML), ("c/x/box", Format.MBOX)):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(FROM)
        root = tmp_path / name[0]
        assert detect(root) is form
        assert len(list(read(root, form))) == 1
    assert detect(tmp_path / "c" / "x" / "box") is Format.MBOX
    (tmp_path / "one").write_bytes(b"Subject: x\n")
    assert detect(tmp_path / "one") is Format.EML


def test_what_is_none_says_what_to_do(tmp_path) -> None:
    (tmp_path / "note").write_bytes(b"x")
    with pytest.raises(InvalidValueError, match="--format"):
        detect(tmp_path)


def test_writers(tmp_path) -> None:
    kinds = {Format.MAILDIR: maildir.MaildirWriter, Format.MBOX: mbox.MboxWriter, Format.EML: eml.EmlWriter}
    for form, kind in kinds.items():
        assert isinstance(writer(tmp_path, form), kind)
