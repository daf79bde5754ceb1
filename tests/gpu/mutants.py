"""Faults planted in ecograph/gpu, one at a time: which of the ways of testing notices each?

``make test-mutants`` runs the tests of twins over a copy of the tree with each fault in it, in race mode, under the
sanitizers and by NVRTC, and fails where what they notice is not what docs/gpu.md says.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.gpu import mutants_searches, sanitized
from tests.gpu.host_shim import CACHE

__all__ = ["MUTANTS", "MODES", "Mutant", "stated"]

ROOT = Path(__file__).resolve().parents[2]
TREE = CACHE / "mutants"  # always the same place: Numba's cache goes by it
MODES = ("race mode", "sanitizers", "NVRTC")


class Mutant(NamedTuple):
    """A fault: ``old`` occurs once in a file of ecograph/gpu and becomes ``new``.

    The tests of that file's twins are run, or those that ``tests`` names.
    """

    fault: str
    file: str
    old: str
    new: str
    tests: str = ""


BARRIER, FIRST = "        __syncthreads();\n", "        if (warp == 0) {\n"
STORE = "part[threadIdx.x] = pulled(column, value, d, from, to, lane, own);\n"
SHARED = "long long n, double* out)\n{\n    __shared__ double part[WARPS * LANES"
WARP_SUM = "    if (threadIdx.x % LANES == 0) part[threadIdx.x / LANES] = value;\n"
SAW = "        if (lane == 0) part[k * WARPS + warp] = value;\n    }\n"
MUTANTS = [
    Mutant("reads one past the end of a row", "chains.cu", "e < end; ++e", "e <= end; ++e"),
    Mutant("no guard after the last row", "chains.cu", "t < first + ROWS && t < tasks", "t < first + ROWS"),
    Mutant("no guard for an empty grid", "chains.cu", "    if (r >= rows) return;\n", ""),
    Mutant("no guard after the last draw", "draws.cu", "    if (r < n) out[r] = gamma_of", "    out[r] = gamma_of"),
    Mutant("stores before the first", "chains.cu", "change[(at + r) * LANES + lane]", "change[r * LANES + lane - at]"),
    Mutant("no barrier before sums are folded", "chains.cu", STORE + BARRIER, STORE),
    Mutant(
        "no barrier before changes are folded",
        "chains.cu",
        "    part[threadIdx.x] = moved;\n    __syncthreads();\n",
        "    part[threadIdx.x] = moved;\n",
    ),
    Mutant(
        "barrier for one warp only",
        "chains.cu",
        STORE + BARRIER + FIRST,
        STORE + FIRST + BARRIER,
    ),
    Mutant(
        "blocks add to one place, no atomic",
        "chains.cu",
        "if (look) change[b * LANES + lane] = moved;",
        "if (look) change[lane] += moved;",
    ),
    Mutant(
        "a step reads what it stores",
        "chains.py",
        "weight, d, other, x, piece",
        "weight, d, d, x, piece",
    ),
    Mutant("shared array one too short", "chains.cu", SHARED, SHARED + " - 1"),
    Mutant(
        "shared memory not stored by all",
        "chains.cu",
        "    part[threadIdx.x] = total;",
        "    if (threadIdx.x != 40) part[threadIdx.x] = total;",
    ),
    Mutant(
        "an index overflows",
        "chains.cu",
        "const long long at = (long long)row * LANES + lane;",
        "const long long at = row * 500000000 / 500000000 * LANES + lane;",
    ),
    Mutant(
        "arrays of the wrong type",
        "chains.py",
        "column, value, made.begin",
        "column.astype(np.int64), value, made.begin",
    ),
    Mutant(
        "a number of the wrong type",
        "chains.py",
        "(change, np.int64(blocks), total)",
        "(change, blocks * 1.0, total)",
    ),
    Mutant("one block too few", "_module.py", "-(-items // each)", "items // each"),
    Mutant("rows of 64 arrows in no bin", "chains.py", "kinds = (size <= SHORT", "kinds = (size < SHORT"),
    Mutant(
        "one block's row too many", "chains.py", "int(number.size + middle.size)", "int(number.size + middle.size) + 1"
    ),
    Mutant(
        "pieces overlap",
        "chains.py",
        "* PIECE\n    stop = np.minimum(cut + PIECE,",
        "* PIECE\n    stop = np.minimum(cut + PIECE + 1,",
    ),
    Mutant("launched for no long rows", "chains.py", "    if shared.long.size:\n", "    if True:\n"),
    Mutant(
        "memory not set to zero",
        "chains.py",
        "cupy.zeros((rows.n, start.size), np.float64)",
        "cupy.empty((rows.n, start.size), np.float64)",
    ),
    Mutant("waits at every step", "chains.py", "look = steps % LOOK == 0 or steps == most", "look = True"),
    Mutant(
        "sums in another order",
        "chains.cu",
        "for (int w = 0; w < WARPS; ++w) total",
        "for (int w = WARPS - 1; w >= 0; --w) total",
    ),
    Mutant("a draw taken twice", "draws.cu", "key, step, 2 * attempt + 1).u", "key, step, 2 * attempt).u"),
    Mutant("one bit of a constant", "draws.cu", "0x1.62e42fee00000p-1", "0x1.62e42fee00001p-1"),
    Mutant("products and sums are fused", "_module.py", ', "--fmad=false")', ")"),
    Mutant(
        "too few registers",
        "draws.cu",
        'extern "C" __global__ void gamma_rows',
        'extern "C" __global__ void __launch_bounds__(256, 8) gamma_rows',
    ),
    Mutant(
        "includes what NVRTC hasn't",
        "draws.cu",
        "typedef unsigned long long u8;",
        "#include <cmath>\ntypedef unsigned long long u8;",
    ),
    Mutant("a name that CuPy hasn't", "chains.py", "cupy.zeros((rows.n", "cupy.empty_of_zeros((rows.n"),
    Mutant("a lane that starts nowhere starts", "chains.cu", "    if (at < 0) return;\n", ""),
    Mutant("a mask without the last lane", "centrality.cu", "#define ALL 0xFFFFFFFFu", "#define ALL 0x7FFFFFFFu"),
    Mutant("a row that is held moves", "centrality.cu", "row == held ? 0.0 : by * total", "by * total"),
    Mutant("no barrier in the sum over a block", "centrality.cu", WARP_SUM + "    __syncthreads();\n", WARP_SUM),
    Mutant("no barrier before what was seen is folded", "centrality.cu", SAW + "    __syncthreads();\n", SAW),
    Mutant("no guard after the last middle row", "centrality.cu", "        if (t >= wide) return;\n", ""),
    Mutant("no guard after the last long row", "centrality.cu", "    if (r >= rows) return;\n", ""),
    Mutant("a sum begins with what was there", "centrality.cu", "(fresh ? 0.0 : since[row])", "since[row]"),
    Mutant("the largest are added up", "centrality.py", "place.seen(1)", "place.seen(SEEN)"),
    Mutant("a stretch's begin is stored over", "centrality.py", "is not d and each is not begun", "is not d"),
    Mutant("steps are never made a unit", "centrality.py", "x, other, scale = other, x, 1.0", "x, other = other, x"),
    Mutant("all lanes draw the same", "draws.cu", "replicate + lane, key[t]", "replicate, key[t]", "replicates"),
    Mutant("parts of a cluster draw apart", "draws.cu", "together ? CLUSTER : GAMMA", "GAMMA", "replicates"),
    Mutant("a tie that vanished counts", "draws.cu", "if (worth > 0.0) amount", "amount", "replicates"),
    Mutant("a part too many", "draws.cu", "u < part_ptr[t + 1]", "u <= part_ptr[t + 1]", "replicates"),
    Mutant("the last digits of a total are lost", "draws.cu", "    sum += lost;\n", "", "replicates"),
    Mutant(
        "lanes take each other's values",
        "chains.cu",
        "e * LANES + lane : e",
        "e * LANES + (lane ^ 1) : e",
        "replicates",
    ),
    Mutant(
        "a residual leaves rows out", "chains.cu", "r < first + ROWS && r", "r < first + ROWS - 1 && r", "replicates"
    ),
    Mutant("a jump goes too far", "chains.cu", "1.0 / (1.0 - m)", "1.25 / (1.0 - m)"),
    Mutant("a block's worth of receivers", "replicates.py", "blocks(receivers * lanes)", "blocks(receivers)"),
]


MUTANTS += [Mutant(*fault, Path(fault[1]).stem.split("_")[0]) for fault in mutants_searches.FAULTS]
MUTANTS += [Mutant(*fault, "memory") for fault in mutants_searches.WIDTHS]
MUTANTS += [Mutant(*fault, "kept") for fault in mutants_searches.KEPT]


def stated() -> dict[str, tuple[str, ...]]:
    """What docs/gpu.md says that each mode notices: a report, a wrong number, or nothing."""
    rows = re.findall(r"^\| (.+?) \| `(\w+\.\w+)` \| (.+) \|$", (ROOT / "docs" / "gpu.md").read_text(), re.MULTILINE)
    return {fault: tuple(rest.split(" | ")) for fault, _, rest in rows}


def _copy_tree() -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    for part in ("ecograph", "tests/gpu", "docs"):
        shutil.copytree(ROOT / part, TREE / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "__init__.py", TREE / "tests")


def _noticed(mutant: Mutant, mode: str) -> str:
    stem = Path(mutant.file).stem
    stems = [mutant.tests or stem] if mutant.tests or stem != "_module" else ["chains", "draws"]
    files = [f"tests/gpu/test_gpu_{stem}.py" for stem in stems]
    environment = dict(os.environ)
    if mode == "NVRTC":
        files = ["tests/gpu/test_nvrtc.py", "-k", f"{mutant.file} or name or fused"]
    if mode == "sanitizers":
        environment = sanitized.environment()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        "tests/gpu/pytest.ini",
        "--maxfail=6",
        "-q",
        "--capture=no",
        "--tb=short",
    ]
    done = subprocess.run([*command, *files], cwd=TREE, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False, timeout=600)  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return "-" if " passed" in said else "not run"
    refused = re.search(r"^E +(\S*HostShimError|TypeError|AttributeError|\S*CompileException)", said, re.MULTILINE)
    if mode == "NVRTC" or refused or "AddressSanitizer" in said or "runtime error: " in said:
        return "report"
    return "wrong" if re.search(r"^E +(AssertionError|assert)", said, re.MULTILINE) else f"failed: {said[-1500:]}"


def examine(mutant: Mutant) -> tuple[str, ...]:
    """What each mode notices of a fault."""
    path = TREE / "ecograph" / "gpu" / mutant.file
    right = path.read_text()
    path.write_text(right.replace(mutant.old, mutant.new))
    try:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            return tuple(pool.map(lambda mode: _noticed(mutant, mode), MODES))
    finally:
        path.write_text(right)


def main(word: str = "") -> int:
    """Plant each fault that has ``word`` in it and print its row of docs/gpu.md."""
    _copy_tree()
    known, failures = stated(), 0
    chosen = [mutant for mutant in MUTANTS if word in mutant.fault]
    for mutant in chosen:
        seen = examine(mutant)
        as_stated = known.get(mutant.fault) == seen and set(seen) != {"-"}
        failures += not as_stated
        print(f"| {mutant.fault} | `{mutant.file}` | {' | '.join(seen)} |", "" if as_stated else "<-- not as stated")
        sys.stdout.flush()
    print(f"{len(chosen)} faults, {failures} not noticed as docs/gpu.md says")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
