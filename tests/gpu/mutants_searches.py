"""Faults planted in searches, cascades, core numbers and fewer lanes: a part of those of mutants.py."""

from __future__ import annotations

__all__ = ["FAULTS", "KEPT", "WIDTHS"]

GUARD = "    if (r >= rows) return;\n    double total = 0.0;\n    if (active"
START = "        if (threadIdx.x == 0) start[now + 1] = tail;\n"
CLAIM = """        claim(out, head, tail, now + 1, level, order, &reached);
        __syncthreads();  // all are claimed
        const int end = reached;
"""
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
    ("a level reads what it stores", "breadth.py", "n, active, before, into, seen", "n, active, before, before, seen"),
    (
        "no barrier between two levels",
        "queue.cu",
        "        __syncthreads();  // all paths are there, and nobody reads levels or `reached`\n",
        "",
    ),
    (
        "a place is claimed without an atomic",
        "queue.cu",
        "if (atomicCAS(level + w, -1, next) == -1) order",
        "if (level[w] == -1 && (level[w] = next)) order",
    ),
    ("a level begins where nobody can know yet", "queue.cu", START + CLAIM, CLAIM + START),
    ("no place for who is reached again", "queue.py", "slots * (rows.n + 2)", "slots * rows.n"),
    ("who is reached again keeps its first level", "queue.cu", "if (threadIdx.x == 0) level[s] = -1;", ""),
    ("lanes that stopped go on", "cascade.cu", "alive >> lane & 1 ? h[at] - now : 0.0", "h[at] - now"),
    ("psi of who isn't struck", "cascade.cu", "return struck[i] >> lane & 1 ? fmin", "return struck[i] ? fmin"),
    ("no barrier before the next sum", "core.cu", "    __syncthreads();  // before the next sum is stored\n", ""),
    ("no guard after the last of the short rows", "core.cu", "if (r < n) settle<1>", "settle<1>"),
]
# The same where lanes are fewer than 32.
WIDTHS: list[tuple[str, str, str, str]] = [
    (
        "more lanes are begun than fit",
        "_module.py",
        "while lanes > least and (short := shortfall(needs(lanes), using)):",
        "while lanes < least and (short := shortfall(needs(lanes), using)):",
    ),
    ("a thread without a lane stores", "cascade.cu", "    if (WIDTH == LANES || lane < WIDTH) x[", "    x["),
    ("lanes that are done go on", "chains.py", "                _still(done, d[0])\n", "                pass\n"),
    (
        "lanes are left out where memory ends",
        "_module.py",
        "            lanes //= 2\n",
        "            lanes, first = lanes // 2, last\n",
    ),
]
# And in what is kept from one call to the next.
KEPT: list[tuple[str, str, str, str]] = [
    ("arrays of another are taken", "_module.py", "return DEVICE.get(of, (what", "return DEVICE.get(of[:1], (what"),
    (
        "memory is refused beside what is kept",
        "_module.py",
        "if not DEVICE.let_go(using):",
        "if True:",
    ),
    (
        "what is in use is let go of",
        "_module.py",
        "while some and DEVICE.let_go(using):",
        "while some and DEVICE.let_go():",
    ),
]
