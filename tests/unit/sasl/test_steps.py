from gatepost.sasl.steps import NeedKeys, NeedPassword, NeedSalt, Say, ScramKeys


def test_no_repr_shows_a_secret() -> None:
    secret = b"hunter2"
    values = [
        Say(secret),
        NeedPassword("", "alice", "hunter2"),
        ScramKeys(secret, secret),
        NeedKeys("alice", secret, lambda _keys: None),
        NeedSalt("", "alice", Say),
    ]
    assert "hunter2" not in repr(values)
