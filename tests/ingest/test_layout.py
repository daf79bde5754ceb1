"""Rows of bits: what is put in comes out, in as few words as it needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecograph.cpu.tally import _column
from ecograph.ingest.layout import COLUMNS, Columns, fit, pack, unpack
from ecograph.ties import NO_TIME

DTYPES: dict[str, Any] = {
    "provider": np.int32, "receiver": np.int32, "mantissa": np.int64, "time": np.int64, "scale": np.int8,
    "relation": np.int16, "period": np.int32, "cluster": np.int32,
}  # fmt: skip
MOST = 2**63 - 1


@st.composite
def columns(draw: st.DrawFn) -> list[Columns]:
    """Parts of events: columns that are the same throughout, that vary a little, and that hold any number."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    names = COLUMNS if draw(st.booleans()) else COLUMNS[:-1]
    parts: list[Columns] = [{} for _ in sizes]
    for name in names:
        info = np.iinfo(DTYPES[name])
        low = draw(st.sampled_from([int(info.min), 0, int(info.max) - 200]))
        high = draw(st.sampled_from([low, low + 1, low + 100, int(info.max)]))
        for part, size in zip(parts, sizes, strict=True):
            values = draw(st.lists(st.integers(low, high), min_size=size, max_size=size))
            part[name] = np.array(values, DTYPES[name])
    return parts


def one(**values: int) -> list[Columns]:
    return [{name: np.array([0, values.get(name, 0)], DTYPES[name]) for name in COLUMNS[:-1]}]


@given(columns())
@example(one(mantissa=MOST, time=NO_TIME))
@example(one(provider=2**20 - 1, receiver=2**20 - 1, mantissa=2**24))  # a bit beyond the word
@example(one(provider=2**31 - 1, receiver=2**31 - 1, time=2**40))
def test_what_is_put_in_comes_out(parts: list[Columns]) -> None:
    layout = fit(parts)
    rows = np.ascontiguousarray(pack(parts, layout).T).reshape(-1)
    found = unpack(rows, layout)
    assert set(found) == set(parts[0])
    padded, told = np.append(rows, np.uint64(2**64 - 1)), layout.as_array()
    for k, name in enumerate(COLUMNS):
        if name in parts[0]:
            want = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(found[name], want)
            read = [_column(padded, r * layout.width, told, 3 * k) for r in range(want.size)]
            assert read == want.tolist()


@pytest.mark.parametrize(
    ("given", "bits", "width"),
    [
        ({}, 0, 1),
        ({"provider": 1}, 1, 1),
        ({"provider": 2**20 - 1, "receiver": 2**20 - 1, "mantissa": 2**24 - 1}, 64, 1),
        ({"provider": 2**20 - 1, "receiver": 2**20 - 1, "mantissa": 2**24}, 65, 2),
        ({"mantissa": MOST, "time": NO_TIME}, 63 + 64, 2),
    ],
)
def test_a_row_is_as_wide_as_it_must_be(given: dict[str, int], bits: int, width: int) -> None:
    layout = fit(one(**given))
    assert (sum(layout.bits), layout.width, layout.row_bytes) == (bits, width, 8 * width)


def test_columns_keep_their_places_whatever_the_order_of_rows() -> None:
    rng = np.random.default_rng(4)
    part: dict[str, NDArray[Any]] = {name: rng.integers(0, 100, 50).astype(DTYPES[name]) for name in COLUMNS}
    order = rng.permutation(50)
    moved = {name: values[order] for name, values in part.items()}
    assert fit([part]) == fit([moved])
    np.testing.assert_array_equal(pack([part], fit([part]))[:, order], pack([moved], fit([moved])))
