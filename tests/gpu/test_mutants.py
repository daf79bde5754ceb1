"""Each fault can be planted, and docs/gpu.md says who notices it: make test-mutants sees whether that's so."""

from __future__ import annotations

import pytest

from tests.gpu.mutants import MODES, MUTANTS, ROOT, Mutant, stated


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_a_fault_can_be_planted_and_is_stated(mutant: Mutant) -> None:
    code = (ROOT / "ecograph" / "gpu" / mutant.file).read_text()
    assert code.count(mutant.old) == 1, "the code has changed: plant this fault anew in tests/gpu/mutants.py"
    seen = stated()[mutant.fault]
    assert len(seen) == len(MODES)
    assert set(seen) <= {"report", "wrong", "-"}
    assert set(seen) != {"-"}, "nobody notices it"


def test_no_fault_is_stated_that_is_not_planted() -> None:
    assert list(stated()) == [mutant.fault for mutant in MUTANTS]
