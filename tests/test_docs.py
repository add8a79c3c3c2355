from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from phenoextract import batch, errors, readers
from phenoextract.cli import Format
from phenoextract.types import Status

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("**/*.md")]
ROW = re.compile(r"^\| (?P<phrase>[^|]+) \| (?P<status>[^|]+) \| (?P<term>HP:\d{7}) \|", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_docs_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_docs_name_every_error() -> None:
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = [kind.code for kind in kinds if issubclass(kind, errors.DocumentError) and kind is not errors.DocumentError]
    names = [kind.__name__ for kind in kinds if issubclass(kind, (errors.DocumentError, errors.ArtefactError))]
    names = [name for name in names if name not in {"DocumentError", "ArtefactError"}]
    batch_codes = [value for name, value in vars(batch).items() if name.isupper()]
    for word in [*codes, *names, *batch_codes]:
        assert f"`{word}`" in page


def test_docs_name_every_file_of_the_library() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for path in (ROOT / "phenoextract").glob("[a-z]*.py"):
        assert f"`{path.name}`" in page


def test_docs_name_every_status() -> None:
    page = (ROOT / "docs" / "report.md").read_text("utf-8")
    assert re.findall(r"^\| `(present|absent|family|uncertain)` \|", page, re.MULTILINE) == [str(one) for one in Status]


def test_docs_describe_every_exchange_format() -> None:
    page = (ROOT / "docs" / "exports.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE)) == set(Format) - {Format.TERMINAL}


@pytest.mark.artefacts
def test_docs_walkthrough_says_what_the_product_says() -> None:
    from phenoextract.pipeline import load

    rows = ROW.findall((ROOT / "docs" / "walkthrough.md").read_text("utf-8"))
    assert len(rows) > 15
    report = load()(readers.read(ROOT / "examples" / "letters" / "gp_referral.txt"))
    said = {
        (found.text, "not coded" if found.not_coded else found.status.value, found.hpo_id)
        for found in report.annotations
    }
    assert set(rows) <= said


@pytest.mark.artefacts
@pytest.mark.parametrize("number", [0, 1])
def test_docs_readme_code_prints_what_it_says(number: int) -> None:
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[number]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})  # noqa: S102  the README's own example
    assert printed.getvalue().splitlines() == re.findall(r"^# (.*)$", code, re.MULTILINE)
