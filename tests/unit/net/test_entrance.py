import asyncio

from gatepost.net.entrance import Refused


def test_a_refused_session_says_its_line_and_nothing_else() -> None:
    async def work() -> None:
        session = Refused(b"-ERR full\r\n", "full")
        session.opened(None)  # type: ignore[arg-type]
        assert session.machine.data_to_send() == b"-ERR full\r\n"
        assert session.machine.data_to_send() == b""
        session.machine.receive_data(b"USER x\r\n")
        assert session.advance() is None
        session.secured()
        session.timed_out()
        session.shutting_down()
        assert session.finished
        assert not session.wants_tls
        assert session.machine.data_to_send() == b""
        assert session.closed("refused") == {}

    asyncio.run(work())
