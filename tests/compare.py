"""What it means that two ecosystems are the same."""

from __future__ import annotations

from polars.testing import assert_frame_equal

from ecograph.ecosystem import Ecosystem


def assert_same(got: Ecosystem, expected: Ecosystem) -> None:
    """Same participants in the same rows, same bytes of the tie table, same names for its codes."""
    assert_frame_equal(got.participants, expected.participants)
    assert got.tie_bytes() == expected.tie_bytes()
    assert got.relations == expected.relations
    assert got.periods == expected.periods
    assert (got.every, got.zone) == (expected.every, expected.zone)
