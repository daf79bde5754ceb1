"""The texts that go with a generated log: its mapping (TOML) and where it comes from (SOURCE.txt)."""

from __future__ import annotations

from ecograph.datasets.gojek_facts import Counts
from ecograph.datasets.gojek_plan import CONDUCTOR
from ecograph.datasets.gojek_truth import RULES, Rule

__all__ = ["mapping_text", "source_text"]

_HEAD = """\
# Which ties a row of the generated log gives. Everything is worth rupiah, so nothing needs joining.

every = "1mo" # months can be taken apart: --since 2020-10-01 --until 2020-12-01

[time]
column = "time"

[participants]
path = "participants.parquet"
column = "id"
role_column = "role"
attributes = { group = "group", owner = "owner", pillar = "pillar", region = "region" }
"""


def mapping_text() -> str:
    """The mapping of the log, one rule a tie; participants.parquet lies beside it."""
    return _HEAD + "".join(_rule(rule) for rule in RULES)


def _rule(rule: Rule) -> str:
    via = f'via = {{ constant = "{CONDUCTOR}", role = "platform" }}\n' if rule.orchestrated else ""
    kinds = ", ".join(f'"{kind}"' for kind in rule.kinds)
    return f"""
[[ties]]
relation = "{rule.relation}"
unit = "IDR"
provider = {_endpoint(rule.provider)}
receiver = {_endpoint(rule.receiver)}
{via}amount = "{rule.amount}"
where = {{ kind = [{kinds}] }}
"""


def _endpoint(party: str) -> str:
    """People have numbers, which their role tells apart; firms have names."""
    if party == CONDUCTOR:
        return f'{{ constant = "{CONDUCTOR}", role = "platform" }}'
    if party in ("supplier", "buyer"):
        return f'{{ column = "{party}", role = "supplier", prefix = "" }}'
    return f'{{ column = "{party}", role = "{party}" }}'


def source_text(counts: Counts, *, scale: float, seed: int, dirty: float, rows: int) -> str:
    """What the files are, how to make them again, and the published row behind each proportion."""
    again = f'ecograph.datasets.write("gojek", FOLDER, seed={seed}, scale={scale}, dirty={dirty})'
    return "\n".join(
        [
            f"ORIGIN  generated, {rows:,} rows, by {again}",
            "LICENCE MIT, like ecograph. No row is about a real person or firm.",
            "COLUMNS event; time (UTC); kind (food, ride, parcel, home: orders; the rest: purchases); numbers of the",
            "        customer, driver, merchant, worker; names of the supplier and of the firm that buys; basket,",
            "        fare, price in rupiah. mapping.toml says which ties a row gives; truth.csv is the reliance",
            "        planted.",
            "COUNTS  that the proportions come from, times the scale:",
            *(f"        {line}" for line in counts.sources),
            "ASSUMED mean fares and baskets, mixes of services, suppliers and their shares, three regions: no page",
            "        publishes them. They stand at the top of ecograph/datasets/gojek_plan.py.",
            "",
        ]
    )
