from gatepost.doctor.names.hosts_file import HostsFile

TEXT = """\
127.0.0.1 localhost
# 192.0.2.9 commented.example
192.0.2.1  Mail.Example.com mail  # the old one
2001:db8::1 mail.example.com
nonsense mail.example.com
192.0.2.1 mail.example.com
0.0.0.0 ads.example
"""


def test_addresses_of_names_and_aliases(tmp_path):
    path = tmp_path / "hosts"
    path.write_text(TEXT)
    file = HostsFile(path)
    assert file.addresses("mail.example.com") == ("192.0.2.1", "2001:db8::1")
    assert file.addresses("mail") == ("192.0.2.1",)
    assert file.addresses("ads.example") == ("0.0.0.0",)
    assert file.addresses("example.com") == ()
    assert file.addresses("commented.example") == ()
    assert file.addresses("nobody.example") == ()


def test_without_a_file_nothing_is_known(tmp_path):
    assert HostsFile(tmp_path / "none").addresses("localhost") == ()
