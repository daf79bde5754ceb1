"""The sub-commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecograph.cli.guard import guarded
from ecograph.cli.options import (
    Cluster,
    Debug,
    Events,
    Folder,
    Json,
    MappingFile,
    MemoryLimit,
    Overwrite,
    Participants,
    Quiet,
    Strict,
    bars,
    names,
    weights,
)
from ecograph.cli.show import print_findings, print_json, print_ledger, print_lines, print_losses

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which external resources does a platform rely on most? Event logs to ranked reliance.",
    epilog="Exit codes: 0 done, 1 unexpected, 2 usage, 3 source, 4 mapping, 5 too many bad rows, 6 nothing to rank,"
    " 7 no convergence or memory, 8 output, 9 something missing, 130 stopped.",
)


@app.command()
@guarded
def rank(
    events: Events,
    conductor: Annotated[
        str, typer.Option("--conductor", "-c", help="Id of the participant whose reliance is asked for.")
    ],
    mapping: MappingFile = None,
    participants: Participants = None,
    by: Annotated[str, typer.Option(help="The lens that ranks: direct, rooted, reach, ...")] = "reach",
    lenses: Annotated[str, typer.Option(help="Lenses to show, with commas between; or all.")] = "direct,rooted,reach",
    role: Annotated[str | None, typer.Option(help="Rank only participants of this role.")] = None,
    layer: Annotated[str | None, typer.Option(help="Only relations of this layer: service or money.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    since: Annotated[str | None, typer.Option(help="First day, or instant, of the window; on a period edge.")] = None,
    until: Annotated[str | None, typer.Option(help="End of the window, not included; on a period edge.")] = None,
    every: Annotated[str | None, typer.Option(help="Length of a period: 1d, 1w, 1mo, 1y, ...")] = None,
    normalise: Annotated[
        str | None, typer.Option(help="relation: relations of different units weigh the same.")
    ] = None,
    relation_weight: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER, what a unit of it is worth; repeat.")
    ] = None,
    restart: Annotated[float, typer.Option(help="Chance of rooted to start again at each step.")] = 0.15,
    leak: Annotated[float, typer.Option(help="Share of everybody's inputs bought outside the data.")] = 0.0,
    intervals: Annotated[str, typer.Option(help="delta, bootstrap or none: how sure values and ranks are.")] = "delta",
    replicates: Annotated[int, typer.Option(min=20, help="Ecosystems drawn anew, where there is no gradient.")] = 200,
    drop: Annotated[float, typer.Option(help="Share of events dropped, for brokerage and captive.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw; the same seed gives the same intervals.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    cluster: Cluster = None,
    memory_limit: MemoryLimit = None,
    output: Folder = None,
    network: Annotated[
        bool, typer.Option("--network", help="Also draw who provides what around the conductor; needs graph-tool.")
    ] = False,
    overwrite: Overwrite = False,
    strict: Strict = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Rank the external resources that a conductor relies on."""
    from ecograph.cli.rank import Ask, rank, rank_into

    if network and output is None:
        raise typer.BadParameter("the figure goes into the folder that --output names.", param_hint="--network")
    asked = {
        "by": by, "lenses": "all" if lenses == "all" else names(lenses), "role": role, "layer": layer, "top": top,
        "normalise": normalise,
        "relation_weights": weights(relation_weight), "restart": restart, "leak": leak, "device": device,
        "intervals": intervals, "replicates": replicates, "drop": drop, "seed": seed,
    }  # fmt: skip
    ask = Ask(
        events=events, mapping=mapping, participants=participants, since=since, until=until, every=every, strict=strict,
        memory_limit=memory_limit, cluster=cluster, conductor=conductor, reliance=asked, network=network,
    )  # fmt: skip
    if output is None:
        ledger, eco = rank(ask, progress=bars(quiet))
    else:
        ledger, eco = rank_into(output, ask, overwrite=overwrite, progress=bars(quiet))
    if json:
        agreement = None if ledger.agreement is None else ledger.agreement.to_dicts()
        print_json({"ranking": ledger.table.to_dicts(), **ledger.facts(), "agreement": agreement,
                    "ingest": eco.provenance["ingest"], "output": output})  # fmt: skip
        return
    print_ledger(ledger, eco.report)
    if output is not None:
        print_lines(f"Written to {output}.")


@app.command()
@guarded
def loss(
    events: Events,
    close: Annotated[list[str], typer.Option(help="Ids that close at once, with commas between; repeat: more shocks.")],
    conductor: Annotated[
        str | None, typer.Option("--conductor", "-c", help="Whose loss it is; without one, the whole ecosystem's.")
    ] = None,
    share: Annotated[float, typer.Option(help="Share of their capacity that those of --close lose.")] = 1.0,
    mapping: MappingFile = None,
    participants: Participants = None,
    essential: Annotated[
        Path | None, typer.Option(help="CSV supplier,buyer,class: groups, and 0 negligible, 1 linear or 2 essential.")
    ] = None,
    substitution: Annotated[str, typer.Option(help="market: others in it stand in; off: nobody does.")] = "market",
    layer: Annotated[str | None, typer.Option(help="Only relations of this layer: service or money.")] = None,
    since: Annotated[str | None, typer.Option(help="First day, or instant, of the window; on a period edge.")] = None,
    until: Annotated[str | None, typer.Option(help="End of the window, not included; on a period edge.")] = None,
    every: Annotated[str | None, typer.Option(help="Length of a period: 1d, 1w, 1mo, 1y, ...")] = None,
    normalise: Annotated[
        str | None, typer.Option(help="relation: relations of different units weigh the same.")
    ] = None,
    relation_weight: Annotated[
        list[str] | None, typer.Option(help="NAME=NUMBER, what a unit of it is worth; repeat.")
    ] = None,
    tol: Annotated[float, typer.Option(help="Rounds stop when no capacity changes by more.")] = 1e-8,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    memory_limit: MemoryLimit = None,
    output: Folder = None,
    overwrite: Overwrite = False,
    strict: Strict = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what is lost when participants close, wholly or in part."""
    from ecograph.cli.loss import AskLoss, loss, loss_into, shocks

    asked = {
        "substitution": substitution, "layer": layer, "normalise": normalise,
        "relation_weights": weights(relation_weight), "tol": tol, "device": device,
    }  # fmt: skip
    ask = AskLoss(
        events=events, mapping=mapping, participants=participants, since=since, until=until, every=every, strict=strict,
        memory_limit=memory_limit, closures=shocks(close, share), conductor=conductor, essential=essential,
        options=asked,
    )  # fmt: skip
    if output is None:
        result, eco = loss(ask, progress=bars(quiet))
    else:
        result, eco = loss_into(output, ask, overwrite=overwrite, progress=bars(quiet))
    if json:
        print_json({"losses": result.table.to_dicts(), "conductor": conductor, **result.facts(),
                    "ingest": eco.provenance["ingest"], "output": output})  # fmt: skip
        return
    print_losses(result, conductor, eco.report)
    if output is not None:
        print_lines(f"Written to {output}.")


@app.command()
@guarded
def check(
    events: Events,
    mapping: MappingFile = None,
    quarantine: Annotated[Path | None, typer.Option(help="Write all rows set aside to this .csv or .parquet.")] = None,
    cluster: Cluster = None,
    memory_limit: MemoryLimit = None,
    strict: Strict = False,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Read events as rank would, and say what is in them and what would be set aside."""
    from ecograph.ingest import check_events

    report = check_events(
        events, mapping=mapping, quarantine=quarantine, memory_limit=memory_limit, progress=bars(quiet), cluster=cluster
    )
    if json:
        print_json(report.to_dict())
    else:
        print_lines(str(report))
    report.check(strict=strict)


@app.command("map")
@guarded
def map_(
    file: Annotated[str, typer.Argument(help="A file of events; its first rows are looked at.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the mapping; default: print it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Look at a file and write a first mapping with its guesses, to edit."""
    from ecograph.ingest.guess import guess_mapping
    from ecograph.output import write_text

    guess = guess_mapping(file)
    if output is not None:
        write_text(output, guess.text, overwrite=overwrite)
    if json:
        print_json({"mapping": guess.text, "evidence": [e._asdict() for e in guess.evidence],
                    "choices": guess.choices, "rows": guess.rows, "output": output})  # fmt: skip
        return
    if output is None:
        print_lines(guess.text.rstrip("\n"))
    else:
        print_lines(f"Written to {output}, guessed from {guess.rows:,} rows: look it through, then\n"
                    f"  ecograph check {file} --mapping {output}")  # fmt: skip
    for choice in guess.choices:
        print_lines(f"You must choose (CHOOSE in the mapping): {choice}", error=True)


@app.command()
@guarded
def generate(
    name: Annotated[str, typer.Argument(help="gojek: a made-up ride, food and home service platform.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the files; all of them or none.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    scale: Annotated[float | None, typer.Option(help="Size as a share of the real one.")] = None,
    dirty: Annotated[float, typer.Option(help="Share of rows to spoil, to try the checks on.")] = 0.0,
    csv: Annotated[bool, typer.Option("--csv", help="Also write the events as CSV.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Generate an event log whose true ranking is known."""
    from ecograph import datasets
    from ecograph.output import output_folder, read_output
    from ecograph.provenance import record

    size = datasets.SCALE if scale is None else scale
    facts = record(command="generate", name=name, seed=seed, scale=size, dirty=dirty, csv=csv)
    with output_folder(output, overwrite, provenance=facts) as folder:
        datasets.write(name, folder, seed=seed, scale=size, dirty=dirty, csv=csv)
    files = read_output(output)["files"]
    if json:
        print_json({"output": output, "files": files})
    else:
        print_lines(f"Written to {output}: {', '.join(files)}.")


@app.command()
@guarded
def doctor(json: Json = False, debug: Debug = False) -> None:
    """Say what is there, what is missing, and the command that mends it."""
    from ecograph.doctor import examine, healthy

    findings = examine()
    if json:
        print_json({"healthy": healthy(findings), "findings": findings})
    else:
        print_findings(findings)
    if not healthy(findings):
        raise typer.Exit(9)


@app.command()
@guarded
def version(json: Json = False, debug: Debug = False) -> None:
    """Print the version."""
    from ecograph import __version__

    if json:
        print_json({"ecograph": __version__})
    else:
        print_lines(f"ecograph {__version__}")
