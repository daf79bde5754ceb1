"""The host-shim: compiles a .cu file with g++ and runs its kernels on this machine.

In race mode the host-shim looks at each load and store itself. In sanitized mode AddressSanitizer and UBSan of g++ do,
which end the process where they find something: see sanitized.py.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Argument", "HostModule", "HostShimError", "Schedule"]

SHIM = Path(__file__).with_name("shim")
CACHE = Path(tempfile.gettempdir()) / f"ecograph-host-shim-{os.getuid()}"
# Nothing fused, as --fmad=false says of CUDA.
FLAGS = ("-std=c++20", "-O1", "-g", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Werror")
WATCHED = ("-fsanitize=thread", "--param", "tsan-instrument-func-entry-exit=0")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\([\w, ]+\) )?(\w+)\(')


class HostShimError(RuntimeError):
    """What would be a wrong number or a crash on a device: a race, a load out of bounds, a barrier not met by all."""


class Schedule(NamedTuple):
    """In what order blocks, and the threads of a block between two barriers, are run."""

    order: str = "forward"  # or "backward" or "random"
    seed: int = 1


class Argument(NamedTuple):
    """One argument of a kernel: its bytes, and for an array how many bytes it and one item have."""

    value: bytes
    array: int | None = None
    item: int = 0


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostShimError(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def _compile(source: Path, *flags: str, made_from: str) -> Path:
    """The object of ``source``, kept under the hash of all that it is made from."""
    key = hashlib.sha256(repr((FLAGS, flags, made_from)).encode()).hexdigest()[:20]
    made = CACHE / f"{source.stem}-{key}.o"
    if not made.exists():
        part = made.with_suffix(f".{os.getpid()}")
        _run("g++", *FLAGS, *flags, "-I", str(SHIM), "-x", "c++", "-c", str(source), "-o", str(part))
        part.replace(made)
    return made


def build(code: str, *, sanitized: bool = False, defined: tuple[str, ...] = ()) -> Path:
    """The shared library of a .cu file's kernels; ``defined`` are macros, -DNAME=1."""
    CACHE.mkdir(mode=0o700, exist_ok=True)
    header, runtime = (SHIM / "shim.h").read_text(), SHIM / "shim.cpp"
    exported = "".join(f"SHIM_EXPORT({name})\n" for name in KERNEL.findall(code))
    unit = f'#include "shim.h"\n#line 1 "kernel.cu"\n{code}\n{exported}'
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        source = Path(folder) / "kernel.cu"
        source.write_text(unit)
        parts = [
            _compile(runtime, made_from=header + runtime.read_text()),
            _compile(source, *(SANITIZED if sanitized else WATCHED), *defined, made_from=header + unit),
        ]
    library = CACHE / f"{parts[0].stem}-{parts[1].stem}.so"
    if not library.exists():
        part = library.with_suffix(f".so{os.getpid()}")
        runtime_of = SANITIZED[:1] if sanitized else ()  # in race mode shim.cpp is what is called
        _run("g++", "-shared", *runtime_of, *map(str, parts), "-o", str(part))
        part.replace(library)
    return library


class HostModule:
    """The kernels of one .cu file."""

    def __init__(self, code: str, *, sanitized: bool = False, defined: tuple[str, ...] = ()) -> None:
        self.path = build(code, sanitized=sanitized, defined=defined)
        self.library = ctypes.CDLL(str(self.path))
        self.library.shim_signature.restype = ctypes.c_char_p

    def signature(self, name: str) -> list[str]:
        """NumPy's letter and size of each parameter, P before that of an array."""
        found: Any = self.library.shim_signature(name.encode())
        if found is None:
            raise HostShimError(f"there is no kernel {name} in the module")
        return [code for code in found.decode().split(",") if code]

    def launch(self, name: str, grid: int, block: int, arguments: list[Argument], schedule: Schedule) -> None:
        """Run every thread to its end, or raise."""
        held = [ctypes.create_string_buffer(each.value, len(each.value)) for each in arguments]
        given = (ctypes.c_void_p * len(held))(*map(ctypes.addressof, held))
        spans = [
            word
            for each in arguments
            if each.array is not None
            for word in (int.from_bytes(each.value, "little"), each.array, each.item)
        ]
        message = ctypes.create_string_buffer(1000)
        order = ("forward", "backward", "random").index(schedule.order)
        failed = self.library.shim_launch(
            name.encode(), grid, block, given, (ctypes.c_uint64 * len(spans))(*spans), len(spans) // 3, order,
            schedule.seed, message, len(message),
        )  # fmt: skip
        if failed:
            text = re.sub(r"pc (0x[0-9a-f]+)", lambda found: self._line(int(found[1], 16)), message.value.decode())
            raise HostShimError(f"{name}: {text}")

    def _line(self, pc: int) -> str:
        place = _run("addr2line", "-e", str(self.path), hex(pc - 1)).split()[0]
        return Path(place).name
