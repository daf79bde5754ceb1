"""The texts that go with a generated log: its mapping (TOML) and where it comes from (SOURCE.txt)."""

from __future__ import annotations

from ecograph.datasets.gojek_facts import Counts
from ecograph.datasets.gojek_plan import CONDUCTOR
from ecograph.datasets.gojek_truth import RULES, Rule

__all__ = ["mapping_text", "source_text"]


def mapping_text() -> str:
    return ""


def source_text(counts: Counts, *, scale: float, seed: int, dirty: float, rows: int) -> str:
    """What the files are, how to make them again, and the published row behind each proportion."""
    again = f'ecograph.datasets.write("gojek", FOLDER, seed={seed}, scale={scale}, dirty={dirty})'
    return "\n".join(
        [
            f"ORIGIN  generated, {rows:,} rows, by {again}",
            "LICENCE MIT, like ecograph. No row is about a real person or firm.",
            "COLUMNS event; time (UTC); kind (food, ride, parcel, home: orders; the rest: purchases); numbers of the",
            "        customer, driver, merchant, worker; names of the supplier and of the firm that buys; basket, fare,",
            "        price in rupiah. mapping.toml says which ties a row gives; truth.csv is the reliance planted.",
            "COUNTS  that the proportions come from, times the scale:",
            *(f"        {line}" for line in counts.sources),
            "ASSUMED mean fares and baskets, mixes of services, suppliers and their shares, three regions: no page",
            "        publishes them. They stand at the top of ecograph/datasets/gojek_plan.py.",
            "",
        ]
    )
