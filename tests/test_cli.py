"""The command line: what each command prints, what it leaves, how it ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecograph import errors
from ecograph.cli import guard, main
from ecograph.cli.commands import app
from ecograph.cli.show import print_table
from ecograph.mapping import Mapping
from ecograph.output import read_output

ROOT = Path(__file__).resolve().parents[1]

# The platform gets 3 from s1 and 1 from s2 and 1 from s3; both s2 and s3 get all they have from w.
LOG = """provider,receiver,amount
s1,app,3
s2,app,1
s3,app,1
w,s2,5
w,s3,5
"""

DATED = """p,r,n,day,kind
ann,app,3,2020-01-05,ride
bob,app,1,2020-01-20,meal
bob,app,9,2020-02-03,meal
c,ann,1,2020-02-04,ride
"""
DATED_MAPPING = """
[time]
column = "day"
[relations]
ride = { unit = "km" }
meal = { unit = "USD" }
[[ties]]
provider = "p"
receiver = "r"
relation_column = "kind"
amount = "n"
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else int(code is not None), out, err)

    return call


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Run a command in a process of its own."""
    code = "from ecograph.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **options,
    )  # fmt: skip


# -- rank ---------------------------------------------------------------------------------------------------


def test_rank_prints_the_table_the_certificate_and_what_became_of_the_rows(run: Run, log: Path) -> None:
    code, out, _ = run("rank", log, "--conductor", "app", "--top", 3)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    head = ["rank", "ranks", "id", "role", "group", "direct", "rooted", "reach", "95", "%", "of", "reach", "ties"]
    assert head in rows
    assert any(row[::2][:2] == ["1", "s1"] for row in rows)
    assert any(row[::2][:2] == ["2", "w"] and row[5] == "0.4000" for row in rows)
    assert any(row[:1] == ["3="] for row in rows), "s2 and s3 are tied"
    assert "equal values are ordered by id" in out
    assert "5 rows = 5 good + 0 filtered + 0 set aside" in out


def test_json_says_the_same_and_nothing_else_goes_to_standard_output(run: Run, log: Path) -> None:
    code, out, err = run("rank", log, "-c", "app", "--json", "--lenses", "direct,reach")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert [(row["id"], row["reach"]) for row in facts["ranking"]][:2] == [("s1", 0.6), ("w", 0.4)]
    assert "rooted" not in facts["ranking"][0]
    assert facts["lenses"] == ["direct", "reach"]
    assert facts["ingest"]["rows"] == 5
    assert facts["certificate"]["sentence"]
    assert facts["provenance"]["device"]


def test_options_reach_the_library(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(DATED)
    mapping = tmp_path / "m.toml"
    mapping.write_text(DATED_MAPPING)

    def ranked(*more: object) -> list[tuple[str, float]]:
        code, out, err = run("rank", path, "-m", mapping, "-c", "app", "--every", "1mo", "--json", *more)
        assert code == 0, err
        facts = json.loads(out)
        return [(row["id"], row[facts["by"]]) for row in facts["ranking"]]

    assert run("rank", path, "-m", mapping, "-c", "app").code == 6, "km and USD are not added in silence"
    assert ranked("--relation-weight", "ride=1", "--relation-weight", "meal=1", "--by", "direct")[:2] == [
        ("bob", 10 / 13), ("ann", 3 / 13)]  # fmt: skip
    weights = ("--relation-weight", "ride=1", "--relation-weight", "meal=1")
    assert ranked(*weights, "--until", "2020-02-01", "--by", "direct") == [("ann", 0.75), ("bob", 0.25)]
    assert ranked(*weights, "--since", "2020-02-01", "--by", "direct") == [("bob", 1.0)]
    assert ranked("--normalise", "relation", "--by", "direct")[0][0] == "bob"
    assert len(ranked(*weights, "--top", 1)) == 1
    leaky = ranked(*weights, "--by", "direct", "--leak", "0.5")
    assert leaky[0] == ("bob", 5 / 13)
    assert ranked(*weights, "--by", "rooted", "--restart", "0.5") != ranked(*weights, "--by", "rooted")
    with_limits = run("rank", path, "-m", mapping, "-c", "app", *weights, "--json", "--seed", 3)
    assert {"rank_low", "rank_high", "p_top", "reach_low", "tie_group"} <= set(
        json.loads(with_limits.out)["ranking"][0]
    )
    drawn = run("rank", path, "-m", mapping, "-c", "app", *weights, "--json", "--intervals", "bootstrap",
                "--replicates", 20, "--lenses", "reach,captive", "--drop", 0.2)  # fmt: skip
    parameters = json.loads(drawn.out)["provenance"]["parameters"]
    assert (parameters["intervals"], parameters["replicates"], parameters["drop"]) == ("bootstrap", 20, 0.2)
    told = run("rank", path, "-m", mapping, "-c", "app", *weights).out.split()
    assert {"ranks", "ties"} <= set(told)
    assert "ranks" not in run("rank", path, "-m", mapping, "-c", "app", *weights, "--intervals", "none").out.split()
    assert run("rank", path, "-m", mapping, "-c", "app", *weights, "--intervals", "sigma").code == 2
    assert run("rank", path, "-m", mapping, "-c", "app", *weights, "--role", "cook").code == 6
    assert run("rank", path, "-m", mapping, "-c", "app", *weights, "--layer", "money").code == 6
    assert run("rank", path, "-m", mapping, "-c", "app", *weights, "--since", "2020-01-17", "--every", "1mo").code == 6


def test_participants_come_from_a_second_table(run: Run, log: Path, tmp_path: Path) -> None:
    (tmp_path / "who.csv").write_text("id,role,owner\ns1,driver,app\ns2,driver,\nw,supplier,\n")
    code, out, _ = run("rank", log, "-c", "app", "--participants", tmp_path / "who.csv", "--json")
    assert code == 0
    first = json.loads(out)["ranking"][0]
    assert (first["id"], first["role"]) == ("w", "supplier"), "s1 is owned"


def test_several_files_and_globs_are_read_together(run: Run, tmp_path: Path) -> None:
    lines = LOG.splitlines(keepends=True)
    (tmp_path / "a.csv").write_text("".join(lines[:3]))
    (tmp_path / "b.csv").write_text("".join(lines[:1] + lines[3:]))
    for events in ([tmp_path / "a.csv", tmp_path / "b.csv"], [tmp_path / "*.csv"]):
        facts = json.loads(run("rank", *events, "-c", "app", "--json").out)
        assert facts["ingest"]["rows"] == 5
        assert facts["ranking"][0]["id"] == "s1"


def test_a_folder_holds_the_whole_set_and_its_hashes(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_text(LOG + "s1,app,lots\n")
    out = tmp_path / "out"
    code, said, err = run("rank", log, "-c", "app", "-o", out)
    assert code == 0, err
    assert f"Written to {out}." in said
    facts = read_output(out)
    figures = {f"{name}.{kind}" for name in ("ledger", "agreement") for kind in ("svg", "pdf", "png")}
    tables = {"ledger.parquet", "ledger.csv", "ledger.tex", "quarantine.csv", "mapping.toml"}
    assert set(facts["files"]) == figures | tables
    assert facts["parameters"]["conductor"] == "app"
    assert facts["parameters"]["reliance"]["restart"] == 0.15
    assert facts["ingest"]["sources"][0]["sha256"]
    assert facts["ingest"]["reasons"] == {"amount is not a number": 1}
    assert facts["ledger"]["certificate"]["sentence"]
    assert facts["ledger"]["provenance"]["device"]
    assert facts["versions"]["polars"]
    assert pl.read_parquet(out / "ledger.parquet")["id"][0] == "s1"
    assert pl.read_csv(out / "quarantine.csv")["line"].to_list() == [7]
    assert Mapping.from_toml(out / "mapping.toml").columns == ("provider", "receiver", "amount")


def test_the_network_is_drawn_when_asked_for(run: Run, log: Path, tmp_path: Path) -> None:
    assert run("rank", log, "-c", "app", "-o", tmp_path / "out", "--network").code == 0
    assert {"network.svg", "network.pdf", "network.png"} <= set(read_output(tmp_path / "out")["files"])
    code, _, err = run("rank", log, "-c", "app", "--network")
    assert (code, "--output" in err) == (2, True)


def test_the_mapping_is_kept_as_it_was_written(run: Run, log: Path, tmp_path: Path) -> None:
    text = '# mine\n[[ties]]\nprovider = "provider"\nreceiver = "receiver"\namount = "amount"\n'
    (tmp_path / "m.toml").write_text(text)
    assert run("rank", log, "-m", tmp_path / "m.toml", "-c", "app", "-o", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "mapping.toml").read_text() == text


def test_an_existing_folder_needs_overwrite(run: Run, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("rank", log, "-c", "app", "-o", out).code == 0
    first = read_output(out)
    code, said, err = run("rank", log, "-c", "app", "-o", out, "--top", 1)
    assert (code, said) == (8, "")
    assert "--overwrite" in err
    assert read_output(out) == first
    assert run("rank", log, "-c", "app", "-o", out, "--top", 1, "--overwrite").code == 0
    assert read_output(out)["parameters"]["reliance"]["top"] == 1


def test_a_failing_run_leaves_nothing(run: Run, log: Path, tmp_path: Path) -> None:
    assert run("rank", log, "-c", "nobody", "-o", tmp_path / "out").code == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv"]


# -- check, map, generate, doctor, version ------------------------------------------------------------------


def test_check_counts_reasons_and_keeps_the_rows(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_text(LOG + "s1,app,lots\n,app,1\n")
    code, out, _ = run("check", log, "--quarantine", tmp_path / "bad.csv")
    assert code == 0
    assert "7 rows = 5 good + 0 filtered + 2 set aside" in out
    assert "amount is not a number" in out
    assert "provider missing" in out
    assert pl.read_csv(tmp_path / "bad.csv")["line"].to_list() == [7, 8]
    facts = json.loads(run("check", log, "--json").out)
    assert facts["reasons"] == {"amount is not a number": 1, "provider missing": 1}
    assert run("check", log, "--strict").code == 5


def test_clusters_are_counted_and_reach_the_intervals(run: Run, log: Path, tmp_path: Path) -> None:
    rows = "".join(f"s{i % 3},app,{i % 5 + 1},c{i % 3}\n" for i in range(60))
    log.write_text("provider,receiver,amount,customer\n" + rows)
    assert "60 events among 4 participants, 3 clusters" in run("check", log, "--cluster", "customer").out
    out = tmp_path / "out"
    options = ("rank", log, "-c", "app", "--json")
    alone, rowwise, together = (
        json.loads(run(*options, *more).out)
        for more in ((), ("--cluster", "row"), ("--cluster", "customer", "-o", out))
    )
    assert read_output(out)["parameters"]["cluster"] == "customer"
    assert [each["ingest"].get("clusters") for each in (alone, rowwise, together)] == [None, 60, 3]
    width = [
        each["ranking"][0]["direct_high"] - each["ranking"][0]["direct_low"] for each in (alone, rowwise, together)
    ]
    assert width[0] == pytest.approx(width[1], rel=1e-9), "a row gives one event here"
    assert width[2] > 2 * width[0], "20 events a customer, all to one provider"
    code, _, err = run("check", log, "--cluster", "custommer")
    assert (code, "'customer'" in err) == (4, True)


def test_check_fails_where_most_rows_are_bad_after_saying_all(run: Run, log: Path) -> None:
    log.write_text("provider,receiver,amount\na,b,x\na,b,y\na,b,1\n")
    code, out, err = run("check", log, "--json")
    assert code == 5
    assert json.loads(out)["quarantined"] == 2
    assert "more than half" in err


def test_map_check_rank_is_a_way_from_a_file_to_a_ranking(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"s{i % 3},b{i},{i % 7}.5,2020-01-{i % 28 + 1:02d}\n" for i in range(60))
    (tmp_path / "orders.csv").write_text("seller_id,buyer_id,price,ordered\n" + rows)
    mapping = tmp_path / "mapping.toml"
    code, out, _ = run("map", tmp_path / "orders.csv", "-o", mapping)
    assert code == 0
    assert "ecograph check" in out
    assert run("check", tmp_path / "orders.csv", "-m", mapping).code == 0
    code, out, _ = run("rank", tmp_path / "orders.csv", "-m", mapping, "-c", "buyer:b5", "--json")
    assert code == 0
    assert [row["id"] for row in json.loads(out)["ranking"]] == ["seller:s2"]
    assert run("map", tmp_path / "orders.csv", "-o", mapping).code == 8, "an edited mapping is not lost"
    assert run("map", tmp_path / "orders.csv", "-o", mapping, "--overwrite").code == 0
    assert run("map", tmp_path / "orders.csv").out == mapping.read_text()


def test_map_tells_what_must_be_chosen_and_reading_refuses_until_then(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"s{i % 3},b{i},{i + 1}.000\n" for i in range(60))
    (tmp_path / "orders.csv").write_text("seller,buyer,harga\n" + rows)
    code, _, err = run("map", tmp_path / "orders.csv", "-o", tmp_path / "m.toml")
    assert code == 0
    assert "You must choose" in err
    assert len(json.loads(run("map", tmp_path / "orders.csv", "--json").out)["choices"]) == 1
    code, _, err = run("check", tmp_path / "orders.csv", "-m", tmp_path / "m.toml")
    assert code == 4
    assert "20.000 may be 20 or 20,000" in err


def test_generate_writes_a_set_that_rank_reads(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "gojek"
    code, said, err = run("generate", "gojek", "-o", out, "--seed", 1, "--scale", "5e-6")
    assert code == 0, err
    assert "events.parquet" in said
    assert read_output(out)["parameters"]["seed"] == 1
    code, said, err = run("rank", out / "events.parquet", "-m", out / "mapping.toml", "-c", "gojek", "--json")
    assert code == 0, err
    assert json.loads(said)["ranking"]
    assert run("generate", "gojek", "-o", out).code == 8
    assert run("generate", "nothing", "-o", tmp_path / "x").code == 3
    assert not (tmp_path / "x").exists()


def test_doctor_and_version_speak_to_people_and_machines(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ecograph import __version__, doctor

    assert run("version").out == f"ecograph {__version__}\n"
    assert json.loads(run("version", "--json").out) == {"ecograph": __version__}
    lacking = [doctor.Finding("polars", "missing", ok=False, remedy="make setup"), doctor.Finding("python", "3.11")]
    monkeypatch.setattr(doctor, "examine", lambda: lacking)
    code, out, _ = run("doctor")
    assert code == 9
    assert "polars: make setup" in out
    assert json.loads(run("doctor", "--json").out)["healthy"] is False
    monkeypatch.setattr(doctor, "examine", lambda: lacking[1:])
    assert run("doctor").code == 0


# -- how it ends --------------------------------------------------------------------------------------------

ENDS: dict[str, tuple[list[str], int, str]] = {
    "no such file": (["rank", "absent.csv", "-c", "app"], 3, "no file"),
    "no mapping": (["rank", "other.csv", "-c", "app"], 4, "ecograph map"),
    "no such mapping": (["rank", "log.csv", "-m", "absent.toml", "-c", "app"], 4, "can't be read"),
    "most rows bad": (["rank", "bad.csv", "-c", "app"], 5, "more than half"),
    "one bad row, strict": (["rank", "one.csv", "-c", "app", "--strict"], 5, "strict"),
    "near conductor": (["rank", "log.csv", "-c", "ap"], 6, "app"),
    "no periods": (["rank", "log.csv", "-c", "app", "--since", "2020-01-01"], 6, ""),
    "a lens that isn't": (["rank", "log.csv", "-c", "app", "--by", "raech"], 2, "reach"),
    "no gpu": (["rank", "log.csv", "-c", "app", "--device", "gpu"], 9, "cpu"),
    "a file for a folder": (["rank", "log.csv", "-c", "app", "-o", "log.csv"], 8, "folder"),
    "no room": (["map", "orders.csv", "-o", "absent/m.toml"], 8, "can't write"),
    "an option that isn't": (["rank", "log.csv", "--conducter", "app"], 2, "Usage"),
    "no conductor": (["rank", "log.csv"], 2, "--conductor"),
    "a weight that isn't": (["rank", "log.csv", "-c", "app", "--relation-weight", "ride"], 2, "NAME=NUMBER"),
    "a command that isn't": (["rnak"], 2, "rnak"),
}


@pytest.mark.parametrize("case", ENDS)
def test_errors_have_a_code_a_reason_and_no_traceback(
    run: Run, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    arguments, wanted, hint = ENDS[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "orders.csv").write_text("seller,buyer\nx,y\n")
    (tmp_path / "bad.csv").write_text("provider,receiver,amount\na,b,x\n")
    (tmp_path / "one.csv").write_text(LOG + "s1,app,x\n")
    code, out, err = run(*arguments)
    assert (code, out) == (wanted, "")
    assert hint in err
    assert "Traceback" not in err
    assert len(err) < 2000


def test_every_error_of_the_library_has_a_code_of_its_own_kind() -> None:
    codes = {name: getattr(errors, name).exit_code for name in errors.__all__}
    assert set(codes.values()) <= set(range(2, 10))
    assert [name for name, code in codes.items() if code == 2] == ["EcographError"]
    table = (ROOT / "docs" / "cli.md").read_text()
    for name, code in codes.items():
        row = next(line for line in table.splitlines() if line.startswith(f"| {code} |"))
        assert name == "EcographError" or f"`{name}`" in row, f"docs/cli.md: {name} belongs to code {code}"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "Stopped."),
        (RuntimeError("boom\x1b[31m" + "x" * 10**6), 1, "run with --debug"),
        (MemoryError(), 7, "out of memory"),
        (OSError(28, "No space left on device", "/x"), 8, "No space left on device: /x"),
        (errors.ConvergenceError("slow"), 7, "slow"),
        (type("PanicException", (BaseException,), {})("unwrap"), 1, "PanicException: unwrap"),
    ],
)
def test_whatever_is_raised_ends_in_a_line_and_a_code(
    run: Run, log: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("ecograph.ingest.check_events", fail)
    ended, out, err = run("check", log)
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
    assert "\x1b" not in err
    assert len(err) < 1000
    ended, out, err = run("check", log, "--debug")
    assert ended == code
    assert "Traceback" in err


def test_ctrl_c_before_the_command_begins_ends_well_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(**_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ecograph.cli.commands.app", stopped)
    assert run("version") == Ran(130, "", "Stopped.\n")


def test_help_and_no_command_show_the_commands(run: Run) -> None:
    for arguments in (["--help"], []):
        out, err = run(*arguments)[1:]
        assert all(name in out + err for name in ("rank", "check", "map", "generate", "doctor", "version"))
    documented = (ROOT / "docs" / "cli.md").read_text()
    import typer

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # it is a group
        assert f"## ecograph {name}" in documented
        for option in command.params:
            assert option.opts[0] in documented or not option.opts[0].startswith("--"), f"docs/cli.md: {option.opts[0]}"


def test_a_reader_that_stops_early_is_no_error(log: Path) -> None:
    process = start("map", log)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    process.stderr.close()


# -- nothing from data is read as markup or by a terminal ---------------------------------------------------

HOSTILE = "[bold red]x[/] \x1b[2J\x1b]0;owned\x07 \u202ecod :x:"


def test_ids_are_shown_as_they_are_and_do_nothing(run: Run, tmp_path: Path) -> None:
    frame = pl.DataFrame({"provider": [HOSTILE, "s2\nx"], "receiver": ["app", "app"], "amount": [2, 1]})
    frame.write_parquet(tmp_path / "log.parquet")
    code, out, err = run("rank", tmp_path / "log.parquet", "-c", "app")
    assert code == 0, err
    assert "[bold red]x[/] \\x1b[2J\\x1b]0;owned\\x07 \\u202ecod :x:" in out
    assert "s2\\nx" in out
    assert not {c for c in out if not c.isprintable()} - {"\n"}
    assert json.loads(run("rank", tmp_path / "log.parquet", "-c", "app", "--json").out)["ranking"][0]["id"] == HOSTILE
    code, _, err = run("rank", tmp_path / "log.parquet", "-c", HOSTILE + "?")
    assert code == 6
    assert not {c for c in err if not c.isprintable()} - {"\n"}


def test_a_table_cell_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["[red]a", "n"], [["[link=x]y[/link]", "\x1b[1m1"]], right=[1])
    out = capsys.readouterr().out
    assert "[link=x]y[/link]" in out
    assert "\\x1b[1m1" in out
    assert "\x1b" not in out


# -- light and interruptible --------------------------------------------------------------------------------


def test_rank_loads_neither_graph_tool_nor_matplotlib_unless_it_draws(log: Path, tmp_path: Path) -> None:
    code = """
import sys
from ecograph.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print(sorted({"graph_tool", "matplotlib", "networkx", "cupy"} & set(sys.modules)), file=sys.stderr)
"""

    def loaded(*arguments: object) -> str:
        ran = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True,
                             check=True, cwd=ROOT)  # fmt: skip
        return ran.stderr.splitlines()[-1]

    assert loaded("rank", log, "-c", "app") == "[]"
    assert loaded("rank", log, "-c", "app", "-o", tmp_path / "out") == "[]", "another process draws"
    assert (tmp_path / "out" / "ledger.png").stat().st_size > 0
    assert "graph_tool" in loaded("rank", log, "-c", "app", "-o", tmp_path / "network", "--network")


def test_the_command_line_itself_imports_nothing_heavy() -> None:
    code = (
        "import ecograph.cli.commands, sys; print({'numpy', 'polars', 'numba', 'pyarrow', 'rich'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout == "set()\n"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_rank_leaves_the_old_set_whole(run: Run, log: Path, tmp_path: Path, how: signal.Signals) -> None:
    out = tmp_path / "out"
    assert run("rank", log, "-c", "app", "-o", out).code == 0
    draw = random.Random(int(how))
    for _ in range(2):
        process = start("rank", log, "-c", "app", "-o", out, "--overwrite")
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end and len(os.listdir(tmp_path)) < 3:
            time.sleep(0.002)  # until its hidden folder stands beside the old set
        time.sleep(draw.uniform(0, 0.5))
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
        read_output(out)
        if how == signal.SIGINT:
            assert process.returncode in (130, 0), err
            assert "Traceback" not in err
    assert run("rank", log, "-c", "app", "-o", out, "--overwrite").code == 0
    assert sorted(os.listdir(tmp_path)) == ["log.csv", "out"]


# -- a fuzzed file never ends in a traceback ----------------------------------------------------------------


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda s: f"provider,receiver,amount\n{s}".encode("utf-8", "replace"))
)
@settings(max_examples=40)
def test_check_of_any_bytes_ends_well(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "log.csv"
    path.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path)])
    assert ended.value.code in (0, 3, 4, 5)


def test_the_guard_passes_on_what_is_not_its_own(log: Path) -> None:
    @guard.guarded
    def quits() -> None:
        raise SystemExit(42)

    with pytest.raises(SystemExit) as ended:
        quits()
    assert ended.value.code == 42
