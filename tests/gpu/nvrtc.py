"""Every .cu compiled for devices that aren't here: by NVRTC from PyPI, through CuPy's binding, with CuPy's options.

``python -m tests.gpu.nvrtc`` prints the registers of each kernel as a table for docs/gpu.md.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import NamedTuple

from ecograph.gpu._module import OPTIONS

__all__ = ["DEVICES", "KERNELS", "Used", "budgets", "compile_for", "devices", "ptx", "used"]

ROOT = Path(__file__).resolve().parents[2]
KERNELS = sorted((ROOT / "ecograph" / "gpu").glob("*.cu"))
DEVICES = ("70", "75", "80", "90")  # V100, T4, A100, H100
# RawModule adds the first (for float32 alone), and puts what ptxas finds into the log if asked by the second.
ADDED = ("-ftz=true", "--ptxas-options=-v")
ENTRY = re.compile(
    r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers", re.S
)
BUDGET = re.compile(r"^\| `(\w+)` \| (\d+) \|", re.M)


class Used(NamedTuple):
    """What a kernel takes of a multiprocessor, for each thread."""

    registers: int
    spilled: int  # bytes stored and loaded, since registers were too few


def devices() -> tuple[str, ...]:
    """Those that this NVRTC compiles for: CUDA 13 knows sm_70 no more."""
    from cupy.cuda import nvrtc

    return DEVICES if nvrtc.getVersion()[0] < 13 else DEVICES[1:]


def compile_for(device: str, code: str, options: tuple[str, ...] = OPTIONS) -> str:
    """What the compiler says of it; raises ``CompileException`` where it refuses."""
    log = io.StringIO()
    _compile(code, (*options, *ADDED), f"-arch=sm_{device}", "cubin", log)
    return log.getvalue()


def ptx(code: str, options: tuple[str, ...] = OPTIONS) -> str:
    """The instructions before registers are given out, for an A100."""
    made: bytes = _compile(code, (*options, *ADDED[:1]), "-arch=compute_80", "ptx", io.StringIO())
    return made.decode()


def _compile(code: str, options: tuple[str, ...], device: str, method: str, log: io.StringIO) -> bytes:
    """As RawModule does, but for the one thing that it asks a device for: what it is."""
    from cupy.cuda import compiler

    before = compiler._get_arch_for_options_for_nvrtc
    compiler._get_arch_for_options_for_nvrtc = lambda arch: (device, method)
    try:
        made, _ = compiler.compile_using_nvrtc(code, options, "00", "kernel.cu", log_stream=log)
    finally:
        compiler._get_arch_for_options_for_nvrtc = before
    return bytes(made)


def used(log: str) -> dict[str, Used]:
    """What each kernel takes."""
    return {
        name: Used(int(registers), int(stored) + int(loaded)) for name, stored, loaded, registers in ENTRY.findall(log)
    }


def budgets() -> dict[str, int]:
    """How many registers a kernel may take, as docs/gpu.md states."""
    return {name: int(most) for name, most in BUDGET.findall((ROOT / "docs" / "gpu.md").read_text())}


def main() -> None:
    """Print a row for each kernel: its budget, and what it takes on each device."""
    stated = budgets()
    for path in KERNELS:
        taken = [used(compile_for(device, path.read_text())) for device in devices()]
        for name in taken[0]:
            cells = [stated.get(name, "?"), *(each[name].registers for each in taken)]
            print(f"| `{name}` | {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
