"""docs/performance.md from benchmarks/results.json: every figure on the page is one of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.targets import TARGETS, limits, verdict

__all__ = ["page"]

_FACTS = {
    "ties": "{:,} ties", "arrows": "{:,} arrows", "residual": "residual {:.0e}", "arrows_a_second": "{:.3g} arrows/s",
    "arrow_bytes": "{:.3g} bytes an arrow", "share_of_triad": "{:.0%} of triad", "bytes_a_second": "{:.3g} B/s",
    "sweeps": "{} rounds", "arrows_a_closure": "{:,.0f} arrows a closure",
    "width_ratio": "widths {:.3f} of the bootstrap's in the mean", "width_low": "{:.2f} least",
    "width_high": "{:.2f} most", "events_a_second": "{:.3g} events/s", "bytes_an_event": "peak {:.0f} B an event",
    "ties_an_event": "{:.2f} ties an event",
}  # fmt: skip
IDLE = 0.5  # processes that want to run: below, nobody else did
LIMITS = ROOT / "benchmarks" / "limits.md"


def page(results: dict[str, Any]) -> str:
    """The whole page."""
    lines = [
        "# Performance",
        "",
        "Written by `make bench` (or `make bench-quick`) from `benchmarks/results.json`; not by hand.",
        "Every run is a process of its own and rivals take turns. Times are medians, with least and most; *peak* is",
        "the most memory of it. Peers are fed by the fastest exact coding that we found with public Polars calls.",
        "Imports, compilation and a warm-up on little data are timed apart. A result that solves another equation",
        "(residual above 1e-6), or ranks other participants, gets no time. Who took a minute in all isn't run again;",
        "who is stopped at a limit is shown with it, and counts with it against a mark.",
        "",
        *_machine(results),
        "",
        "## What was to be reached",
        "| figure | mark | reached | |",
        "|---|---|---|---|",
        *_targets(results["rows"]),
        "",
        *(_limits(results["rows"]) if results["plan"] == "full" else ()),
        *_cases(results),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _machine(results: dict[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    yield f"- plan: **{results['plan']}**" + (
        "" if results["plan"] == "full" else ": sizes are smaller than those of the marks, which then say little"
    )
    commit = results["code"]["commit"] or "unknown"
    yield f"- commit: {commit}" + (", with changes that aren't committed" if results["code"]["changed"] else "")
    memory = machine["memory"] / 2**30
    yield f"- machine: {machine['cpu']}, {machine['cores']} cores, {memory:.0f} GiB, {machine['system']}"
    for where, versions in results["versions"].items():
        yield f"- {where}: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _targets(rows: list[dict[str, Any]]) -> Iterator[str]:
    for target in TARGETS:
        value, said = verdict(target, rows)
        sign = ">=" if target.least else "<="
        reached = "" if value is None else f"{value:.3g} {target.unit}".strip()
        yield f"| {target.figure} | {sign} {target.mark:g} {target.unit}".rstrip() + f" | {reached} | {said} |"


def _limits(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Of each mark that a full run missed: how far, and what is written about it in benchmarks/limits.md."""
    known = limits(LIMITS)
    missed = [target for target in TARGETS if verdict(target, rows)[1] == "not met"]
    if missed:
        yield from ("## What limits", "")
    for target in missed:
        value, _ = verdict(target, rows)
        reached, mark = (f"{number:.3g} {target.unit}".strip() for number in (value, target.mark))
        yield f"**{target.figure}**: {reached}, and the mark is {mark}."
        yield from (known.get(target.figure, "Nothing is written about it yet (benchmarks/limits.md)."), "")


def _cases(results: dict[str, Any]) -> Iterator[str]:
    for name, about in results["cases"].items():
        found = [row for row in results["rows"] if row["module"] == name]
        yield f"## {about['title']}"
        if not found:
            yield from ("Not run.", "")
            continue
        yield _how(results, name)
        if about["note"]:
            yield about["note"]
        yield ""
        yield "| what | size | who | time | CPU | peak | apart | |"
        yield "|---|---|---|---|---|---|---|---|"
        for row in found:
            yield _row(row)
        yield ""


def _how(results: dict[str, Any], name: str) -> str:
    """When it was run, and whether the machine was idle."""
    how = results["runs"][name]
    state = "idle" if how["load"] < IDLE else "not idle: read these figures with care"
    broke = f" Broke off: {how['broke']}." if "broke" in how else ""
    took = f", took {how['seconds']} s" if "seconds" in how else ", cut off"
    what = f"plan {results['plan']}, commit {results['code']['commit'] or 'unknown'}"
    return f"Run {how['date']}, {what}{took}; load when it began {how['load']:.2f} ({state}).{broke}"


def _row(row: dict[str, Any]) -> str:
    size = "" if row["size"] is None else f"{row['size']:,}"
    begin = f"| {row['case']} | {size} | {row['who']} |"
    if "over" in row:
        return f"{begin} > {row['over']:g} s | | | | stopped at its limit |"
    if "failed" in row:
        return f"{begin} | | | | {row['failed'][:160].replace('|', '/')} |"
    apart = ", ".join(f"{name} {_seconds(found['median'])}" for name, found in row["apart"].items())
    facts = ", ".join(
        form.format(row["facts"][key]) for key, form in _FACTS.items() if row["facts"].get(key) is not None
    )
    cpu = _seconds(row["cpu"]["median"]) if row["cpu"]["median"] else ""
    return f"{begin} {_spread(row['wall'])} | {cpu} | {row['peak']['median'] / 2**20:,.0f} MiB | {apart} | {facts} |"


def _spread(found: dict[str, float]) -> str:
    if found["runs"] == 1:
        return f"{_seconds(found['median'])} (1 run)"
    return f"{_seconds(found['median'])} ({_seconds(found['low'])} to {_seconds(found['high'])}, {found['runs']} runs)"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"
