"""The command, over the project's own letters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phenoextract.cli import app
from phenoextract_eval.quick import quick

OWN = Path(__file__).parents[2] / "eval" / "corpora" / "uk_letters_dev.jsonl"
pytestmark = pytest.mark.artefacts


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["eval", *map(str, arguments), "--samples", "100"])
    return result.exit_code, result.stdout, result.stderr


def test_eval_command_writes_everything_and_compares_with_itself(tmp_path: Path) -> None:
    code, shown, progress = run(OWN, "--out", tmp_path / "one", "--no-text")
    assert code == 0, progress
    assert "uk_letters_dev" in shown and "document.present.lenient" in shown
    assert "[1/1] uk_letters_dev: phenoextract" in progress
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert {"result.json", "report.html", "figures.csv", "mistakes.csv", "problems.csv"} <= names
    record = json.loads((tmp_path / "one" / "result.json").read_text())
    assert record["provenance"]["hpo_release"] == record["hpo_release"]
    code, _, progress = run(
        OWN, "--out", tmp_path / "two", "--no-text", "--compare", tmp_path / "one", "--baselines", kept(tmp_path, 0.1)
    )
    assert code == 0, progress
    assert "0 mistakes went, 0 came" in (tmp_path / "two" / "report.html").read_text()


def test_eval_command_exits_1_below_a_baseline(tmp_path: Path) -> None:
    code, _, said = run(OWN, "--out", tmp_path / "out", "--baselines", kept(tmp_path, 1.0))
    assert code == 1
    assert "below baseline: uk_letters_dev document.present.strict" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.jsonl"], "no such file"),
        ([OWN, "--corpora", "other"], "no corpus named other"),
        ([OWN, "--peers", "other"], "no peer named other"),
        ([OWN, "--protocol", "other"], "no protocol named other"),
        ([OWN, "--compare", "nowhere"], "no result.json"),
    ],
)
def test_eval_command_exits_2_for_what_cannot_be(arguments: list[object], said: str, tmp_path: Path) -> None:
    code, _, error = run(*arguments, "--out", tmp_path / "out")
    assert code == 2
    assert said in error and "Traceback" not in error


def test_eval_command_refuses_a_faulty_corpus_with_strict(tmp_path: Path) -> None:
    path = tmp_path / "faulty.jsonl"
    path.write_text('{"id": "a", "text": "Fits.", "mentions": [{"start": 0, "end": 99, "hpo_id": "HP:0001250"}]}\n')
    code, _, error = run(path, "--out", tmp_path / "out", "--strict")
    assert code == 2
    assert "offsets outside the text" in error and "line 1, document 'a'" in error


def kept(folder: Path, value: float) -> Path:
    path = folder / "baselines.toml"
    path.write_text(f'[uk_letters_dev]\n"document.present.strict" = {{ value = {value}, noise = 0.0 }}\n')
    return path


def test_quick_gives_the_figures_of_the_command() -> None:
    table = quick(OWN.parent, ["uk_letters_dev"])
    figure = table["uk_letters_dev"]["document.present.lenient"]
    assert 0.5 < figure["f1"] < 1
    assert set(figure) == {"p", "r", "f1", "macro_f1"}
