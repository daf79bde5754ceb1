"""Real data are used where they are; a test that needs an absent set is skipped with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ecograph import datasets
from ecograph.errors import SourceError


@pytest.fixture(scope="session")
def need() -> Callable[[str], None]:
    """Skip the test where the data set isn't on this machine."""

    def look(name: str) -> None:
        try:
            datasets.folder(name)
        except SourceError as error:
            pytest.skip(error.message)

    return look
