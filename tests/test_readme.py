"""What the README shows is what its code prints, on the real data."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_the_python_in_the_readme_prints_what_it_says(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = README.read_text(encoding="utf-8")
    code, output = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", text, re.S).groups()  # type: ignore[union-attr]  # the README has both
    monkeypatch.setenv("ECOGRAPH_DATA", str(data_dir))
    monkeypatch.chdir(README.parent)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert printed.getvalue().rstrip() == output.rstrip()
