"""Notebooks tell a story whose numbers are computed, and the script that runs them lets nothing pass.

``make notebooks`` runs them; here is what can be told without.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


def prose(path: Path) -> list[str]:
    """The Markdown cells. (To import jupytext takes a second, and brings Debian's gi in.)"""
    cells = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    texts = [cell.removeprefix(" [markdown]\n") for cell in cells if cell.startswith(" [markdown]\n")]
    return [re.sub(r"^# ?", "", text, flags=re.MULTILINE) for text in texts]


def test_there_are_three_notebooks() -> None:
    assert [path.name[:3] for path in NOTEBOOKS] == ["01_", "02_", "03_"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_goes_from_a_question_to_what_it_can_not_show(path: Path) -> None:
    text = prose(path)
    assert re.match(r"# .*\?\n", text[0]), "it begins with the question"
    headings = re.findall(r"^## (.*)$", "\n".join(text), re.MULTILINE)
    assert headings[-2:] == ["What this means", "What it can't show"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_results_are_computed_not_written(path: Path) -> None:
    """Numbers with a decimal point, per cent, or more than two digits come out of cells alone."""
    stated = re.findall(r"\d+[.,]\d+|\d+ ?%|\d{3,}", re.sub(r"`[^`]*`", "", "\n".join(prose(path))))
    assert stated == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_not_kept(path: Path) -> None:
    assert not path.with_suffix(".ipynb").exists(), "what ran goes to out/notebooks"


def test_errors_and_warnings_fail_and_absent_data_is_told(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("# %%\nimport sys\nprint(sys.executable)\n")
    (tmp_path / "wrong.py").write_text("# %%\n1 / 0\n")
    (tmp_path / "warns.py").write_text("# %%\nimport warnings\nwarnings.warn('look out', stacklevel=1)\n")
    (tmp_path / "needs.py").write_text('# %%\nfrom ecograph import datasets\ndatasets.path("food_delivery_bayarea")\n')
    environment = os.environ | {"ECOGRAPH_DATA": str(tmp_path / "nowhere")}

    def run(*names: str) -> subprocess.CompletedProcess[str]:
        paths = [tmp_path / f"{name}.py" for name in names]
        script = ROOT / "scripts" / "run_notebooks.py"
        command: list[str | Path] = [sys.executable, script, "--keep", tmp_path / "kept", *paths]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)

    fine, bad = run("good", "needs"), run("wrong", "warns")
    # On a busy machine libzmq has been seen to say this of itself as a kernel, done with its work, ends.
    stderr = re.sub(
        r"^Assertion failed: pfd\.revents & POLLIN \(src/signaler\.cpp:\d+\)\n", "", fine.stderr, flags=re.M
    )
    assert (fine.returncode, stderr) == (0, "")
    assert re.search(r"^good\.py: \d+\.\d s$", fine.stdout, re.MULTILINE)
    assert "needs.py: left out. The data set food_delivery_bayarea isn't here" in fine.stdout
    assert sys.executable in (tmp_path / "kept" / "good.ipynb").read_text(), "the kernel is this very Python"
    assert not (tmp_path / "kept" / "needs.ipynb").exists()
    assert bad.returncode == 1
    assert "wrong.py: FAILED" in bad.stdout
    assert "ZeroDivisionError" in bad.stdout
    assert re.search(r"warns\.py: WARNED\n.*look out", bad.stdout)
