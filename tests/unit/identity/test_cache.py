from gatepost.identity.api import Login
from gatepost.identity.cache import Entry, LoginCache
from gatepost.model import Account, Scope, Verifier


def entry(login: str, until: float = 100) -> Entry:
    return Entry(Login(Account(1, login), 2, "main", "USER"), Verifier("h", b"", b""), 1, until)


def test_keys_tell_everything_apart() -> None:
    cache = LoginCache()
    logins = [
        ("alice", "secret", Scope.POP3, "PLAIN"),
        ("alices", "ecret", Scope.POP3, "PLAIN"),
        ("bob", "secret", Scope.POP3, "PLAIN"),
        ("alice", "secret", Scope.IMAP, "PLAIN"),
        ("alice", "secret", Scope.POP3, "LOGIN"),
        ("alice", "Secret", Scope.POP3, "PLAIN"),
        ("1,6,pop3,PLAIN,alice", "secret", Scope.POP3, "PLAIN"),
        ("alice", "\udcff", Scope.POP3, "PLAIN"),
    ]
    assert len({cache.key(*login) for login in logins}) == len(logins)
    assert cache.key(*logins[0]) == cache.key(*logins[0])


def test_keys_are_of_this_process_and_hold_no_secret() -> None:
    login = ("alice", "secret", Scope.POP3, "PLAIN")
    assert LoginCache().key(*login) != LoginCache().key(*login)
    assert b"secret" not in LoginCache().key(*login)


def test_entries_end() -> None:
    cache = LoginCache()
    cache.put(b"k", entry("alice", until=100))
    assert cache.get(b"k", 99.9) == entry("alice", until=100)
    assert cache.get(b"k", 100) is None
    assert cache.get(b"k", 99) is None
    assert cache.get(b"other", 0) is None


def test_the_oldest_entry_makes_room() -> None:
    cache = LoginCache(most=2)
    for name in ("a", "b", "a", "c"):
        cache.put(name.encode(), entry(name))
    assert [cache.get(name, 0) is not None for name in (b"a", b"b", b"c")] == [True, False, True]
