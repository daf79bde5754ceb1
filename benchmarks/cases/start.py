"""Cold start: ``import ecograph``, and the first and second ``ecograph rank`` on 10^5 rows with no kernel compiled."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, Contestant, measure
from benchmarks.plan import CONDUCTOR, Plan, log

NOTE = "With -o, a folder with two figures in three formats, tables and provenance is written as well."


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Whole processes, from their start to their end."""
    path = log(plan, plan.start_rows)
    folder = Path(tempfile.mkdtemp(prefix="ecograph-bench-"))
    cache = {"ECOGRAPH_CACHE": str(folder / "cache")}
    code = "import sys; from ecograph.cli import main; main(sys.argv[1:])"
    call = [OURS, "-c", code, "rank", path, "--conductor", CONDUCTOR]
    figures = ["-o", str(folder / "out"), "--overwrite"]
    rivals = [
        Contestant("import ecograph", [OURS, "-c", "import ecograph"]),
        Contestant("python itself", [OURS, "-c", "pass"]),
        Contestant("ecograph rank, first call ever", call, cache, lambda: shutil.rmtree(folder / "cache", True)),
        Contestant("ecograph rank, second call", call, cache),
        Contestant("ecograph rank -o, second call", call + figures, cache),
    ]
    try:
        runs = plan.runs if plan.name == "full" else 1  # compiling everything takes a while
        for row in measure(rivals, runs, phase="process", limit=plan.limit):
            yield {"case": "start", "size": plan.start_rows, **row}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print(file=sys.stderr)
