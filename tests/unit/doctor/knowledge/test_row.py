"""The values of knowledge."""

from gatepost.doctor.knowledge.row import Provider, ProviderSetting


def test_the_first_setting_of_a_service_counts():
    first, second = (ProviderSetting("imaps", host, 993) for host in ("imap.example.com", "imap2.example.com"))
    other = ProviderSetting("pop3s", "pop.example.com", 995)
    provider = Provider("Example", (other, first, second))
    assert provider.setting("imaps") is first
    assert provider.setting("pop3s") is other
    assert provider.setting("submission") is None
