from pathlib import Path

from gatepost.net.watch import Watch


def test_changes(tmp_path: Path) -> None:
    file, link, later = tmp_path / "a.pem", tmp_path / "link", tmp_path / "later"
    file.write_text("one")
    link.symlink_to(file)
    watch = Watch([str(file), str(link), str(later)])
    assert not watch.changed()
    file.write_text("three")
    assert watch.changed()
    assert not watch.changed()
    other = tmp_path / "b.pem"
    other.write_text("three")
    link.unlink()
    link.symlink_to(other)
    assert watch.changed()
    later.write_text("now")
    assert watch.changed()
    later.unlink()
    assert watch.changed()
    assert not watch.changed()
