"""The twins under AddressSanitizer and UBSan, and what these notice in kernels that are wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.gpu.sanitized import SANITIZED, run

if SANITIZED:
    pytest.skip("this is the run that the sanitizers look at", allow_module_level=True)
if shutil.which("g++") is None:
    pytest.skip("the sanitizers are those of g++, which isn't here; apt-get install g++", allow_module_level=True)

FAULTS = Path(__file__).with_name("faults.cu").read_text()
SEEN = [
    (name, found[1], FAULTS[: start + found.start()].count("\n") + 1)
    for name, start, body in (
        (each[1], each.start(2), each[2]) for each in re.finditer(r"global__ void (\w+)(.*?\n\})", FAULTS, re.DOTALL)
    )
    if (found := re.search(r"sanitized: ([\w -]+)", body))
]
# Launches one kernel of faults.cu.
LAUNCH = """
import sys
from pathlib import Path
import numpy as np
from ecograph.gpu._module import OPTIONS
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule
cupy = HostCupy(Schedule(), sanitized=True)
kernel = cupy.RawModule(code=Path("tests/gpu/faults.cu").read_text(), options=OPTIONS).get_function(sys.argv[1])
x, out, count = cupy.asarray(np.arange(64.0)), cupy.empty(64, np.float64), cupy.zeros(64, np.int32)
kernel((2,), (64,), (x, out, count, np.int64(64)))
print("went through with", out.get()[0])
"""


@pytest.mark.parametrize("name", ["right", "right_with_warps"])
def test_what_is_right_goes_through(name: str) -> None:
    done = run("-c", LAUNCH, name)
    assert "went through with 2016.0" in done.stdout, done.stderr


@pytest.mark.parametrize(("name", "said", "line"), SEEN, ids=[name for name, _, _ in SEEN])
def test_a_fault_ends_the_process_in_its_line(name: str, said: str, line: int) -> None:
    done = run("-c", LAUNCH, name)
    assert done.returncode != 0
    assert "went through" not in done.stdout
    assert said in done.stderr
    assert f"kernel.cu:{line}" in done.stderr


def test_the_twins_go_through() -> None:
    files = sorted(map(str, Path(__file__).parent.glob("test_gpu_*.py")))
    done = run("-m", "pytest", "-c", "tests/gpu/pytest.ini", "--capture=no", "-q", *files)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
