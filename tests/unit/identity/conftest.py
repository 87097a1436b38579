from collections.abc import Iterator

import pytest

from support.door import Door


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    made.hasher.close()
