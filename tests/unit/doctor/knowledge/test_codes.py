"""Codes of every family are found where they belong, and nowhere else."""

import pytest

from gatepost.doctor.knowledge import load
from gatepost.doctor.knowledge.codes import codes, weight


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-ERR [SYS/PERM] no", {"[SYS/PERM]"}),
        ("no [auth] x [In-Use]", {"[AUTH]", "[IN-USE]"}),
        ("535 5.7.8 no", {"535", "5.7.8", "535 5.7.8"}),
        ("535-5.7.8 no\n535 5.7.8 no", {"535", "5.7.8", "535 5.7.8"}),
        ("(535, b'5.7.3 no')", {"535", "5.7.3", "535 5.7.3"}),
        ("535 (#5.7.0) no", {"535", "5.7.0", "535 5.7.0"}),
        ("said: 554 5.7.1 no", {"554", "5.7.1", "554 5.7.1"}),
        ('got code "530", with message', {"530"}),
        ("dsn=4.7.0, status: 5.1.1", {"4.7.0", "5.1.1"}),
        ("The server response was: 5.7.57 no", {"5.7.57"}),
        ("421", {"421"}),
        ("454-\r\n", {"454"}),
        ("0X800ccc0e", {"0X800CCC0E"}),
        ("aadsts50173: x", {"AADSTS50173"}),
        ("SSL alert number 48, alert 70", {"ALERT 48", "ALERT 70"}),
        ("error:1408F10B:SSL routines", {"OPENSSL 267"}),
        ("error:0A00010B:SSL routines::", {"OPENSSL 267"}),
        ("error:0A000418:SSL routines::", {"ALERT 48"}),
        ("code: 336134278, library", {"OPENSSL 134"}),
        ("verify error:num=20:unable", {"VERIFY 20"}),
        ("Verify return code: 19 (x)", {"VERIFY 19"}),
        ("certificate verification failed; 19", {"VERIFY 19"}),
        ("[WinError 10061] no", {"WSA 10061"}),
        ("SocketException (10060): no, Fehler 10054", {"WSA 10060", "WSA 10054"}),
        ("[Errno 111] no, errno=61", {"ERRNO 111", "ERRNO 61"}),
        ("curl: (67) no", {"CURL 67"}),
        ("libcurl: (60)", {"CURL 60"}),
        ("SSLHandshake failed (-9806)", {"SSL -9806"}),
        ("NSS error -8179", {"NSS -8179"}),
        ("5.7.8.1 and 10.5.7.8 and version 5.7.8", set()),
        ("250 2.1.0 fine, bus 421 is late, 4210, port 10061, -9806-1, number 48", set()),
    ],
)
def test_they_are_found_where_they_belong(text, found):
    assert codes(text) == found


def test_what_servers_use_for_one_thing_weighs_more():
    order = ("535", "5.7.8", "CURL 67", "[AUTH]", "ALERT 48", "0X800CCC0E")
    assert sorted(order, key=weight) == list(order)
    assert weight("535 5.7.8") == weight("5.7.8")
    assert weight("AADSTS50173") == weight("0X800CCC0E")


def test_every_code_of_a_row_is_found_as_it_is_written():
    for row in load().rows():
        for code in (*row.codes, *row.beside):
            assert code.upper() in codes(code), (row.id, code)
