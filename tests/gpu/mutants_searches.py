"""Faults planted in searches, cascades and core numbers: a part of those of mutants.py."""

from __future__ import annotations

__all__ = ["FAULTS"]

GUARD = "    if (r >= rows) return;\n    double total = 0.0;\n    if (active"
# What is wrong, in which file, what stands there once, and what it becomes.
FAULTS: list[tuple[str, str, str, str]] = [
    (
        "a word is stored before all have read it",
        "breadth.cu",
        "total;\n    __syncwarp();  // all",
        "total;\n    // all",
    ),
    ("lanes that nobody wants are summed", "breadth.cu", "if ((front[v] & want) >> lane", "if (front[v] >> lane"),
    ("no guard for no long rows", "breadth.cu", GUARD, GUARD.replace("    if (r >= rows) return;\n", "")),
    ("who may be reached again is seen", "breadth.cu", "if (!(node[2 * n + s] > 0.0)) atomicOr(seen", "atomicOr(seen"),
    ("copies bring no paths", "breadth.cu", "sigma[v * LANES + lane] * node[v];", "sigma[v * LANES + lane];"),
    (
        "sources are added in another order",
        "breadth.cu",
        "total[v * 16 + lane] + one + upper;",
        "total[v * 16 + lane] + (one + upper);",
    ),
    ("a level reads what it stores", "breadth.py", "n, active, before, into, seen", "n, active, before, before, seen"),
    ("depth is told a level early", "breadth.py", "len(found) > deepest", "len(found) >= deepest"),
    ("lanes that stopped go on", "cascade.cu", "alive >> lane & 1 ? h[at] - now : 0.0", "h[at] - now"),
    ("psi of who isn't struck", "cascade.cu", "return struck[i] >> lane & 1 ? fmin", "return struck[i] ? fmin"),
    (
        "no barrier before changes are compared",
        "cascade.cu",
        "part[threadIdx.x] = mine;\n    __syncthreads();",
        "part[threadIdx.x] = mine;",
    ),
    ("the last round's change stays", "cascade.cu", "    largest[lane] = largest[LANES + lane] = 0;\n", ""),
    ("one lane is asked whether it moved", "cascade.cu", "any |= moved[column[e]]", "any |= moved[column[e]] & 1u"),
    ("rows of a block miscounted", "cascade_state.py", "EACH = WARPS * 4", "EACH = WARPS * 5"),
    (
        "the farthest row of the last block counts",
        "cascade_bounds.cu",
        "atomicMax(worst + lane, (u8)__double_as_longlong(most_of_all));",
        "worst[lane] = (u8)__double_as_longlong(most_of_all);",
    ),
    ("no barrier before the next sum", "core.cu", "    __syncthreads();  // before the next sum is stored\n", ""),
    ("no guard after the last of the short rows", "core.cu", "if (r < n) settle<1>", "settle<1>"),
    ("a round reads what another stores", "core.py", "(*rows.given, number, other,", "(*rows.given, number, number,"),
]
