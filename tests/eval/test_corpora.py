"""Every format gives the same document, and every fault is reported with document and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from phenoextract.errors import ConfigError
from phenoextract.ontology import Ontology
from phenoextract.types import Span, Status
from phenoextract_eval.corpora import find_corpora, read_corpus
from phenoextract_eval.gold import Corpus, GoldMention, Kind

TEXT = "Seizures.\nNo hypotonia."
SEIZURE, HYPOTONIA = "HP:0001250", "HP:0001252"


def house(folder: Path, *records: object) -> Path:
    path = folder / "set.jsonl"
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def mention(start: int, end: int, hpo_id: str = SEIZURE, **more: object) -> dict[str, object]:
    return {"start": start, "end": end, "text": TEXT[start:end], "hpo_id": hpo_id, "status": "present", **more}


def kinds(corpus: Corpus) -> list[tuple[Kind, str, int]]:
    return [(problem.kind, problem.document, problem.line) for problem in corpus.problems]


def write_house(folder: Path) -> Path:
    return house(
        folder, {"id": "a", "text": TEXT, "mentions": [mention(0, 8), mention(13, 22, HYPOTONIA, status="absent")]}
    )


def write_bioc_json(folder: Path) -> Path:
    annotations = [
        {"infons": {"identifier": "HP:0001250"}, "text": "Seizures", "locations": [{"offset": 0, "length": 8}]},
        {
            "infons": {"hpo": "HP_0001252", "negated": "true"},
            "text": "hypotonia",
            "locations": [{"offset": 13, "length": 9}],
        },
    ]
    passages = [
        {"offset": 0, "text": "Seizures.", "annotations": annotations[:1]},
        {"offset": 10, "text": "No hypotonia.", "annotations": annotations[1:]},
    ]
    path = folder / "set.json"
    path.write_text(json.dumps({"source": "", "documents": [{"id": "a", "passages": passages}]}))
    return path


def write_bioc_xml(folder: Path) -> Path:
    path = folder / "set.xml"
    path.write_text(
        "<collection><document><id>a</id>"
        "<passage><offset>0</offset><text>Seizures.</text>"
        '<annotation id="1"><infon key="identifier">HP:0001250</infon><location offset="0" length="8"/>'
        "<text>Seizures</text></annotation></passage>"
        "<passage><offset>10</offset><text>No hypotonia.</text>"
        '<annotation id="2"><infon key="hpo">HP:0001252</infon><infon key="assertion">absent</infon>'
        '<location offset="13" length="9"/><text>hypotonia</text></annotation></passage></document></collection>'
    )
    return path


def write_pubtator(folder: Path) -> Path:
    path = folder / "set.pubtator"
    path.write_text(
        "a|t|Seizures.\na|a|No hypotonia.\n"
        "a\t0\t8\tSeizures\tPhenotype\tHP:0001250\na\t13\t22\thypotonia\tPhenotype\tHP:0001252\n\n"
    )
    return path


def write_brat(folder: Path) -> Path:
    path = folder / "set"
    path.mkdir()
    (path / "a.txt").write_text(TEXT)
    (path / "a.ann").write_text(
        "T1\tHP_0001250 0 8\tSeizures\nT2\tPhenotype 13 22\thypotonia\n"
        "N1\tReference T2 HP:0001252\tHypotonia\nA1\tNegation T2\n"
    )
    return path


def write_gsc(folder: Path) -> Path:
    for part, content in (
        ("Text", TEXT),
        ("Annotations", "[0::8]\tHP_0001250 | Seizures\n[13::22]\tHP_0001252 | hypotonia\n"),
    ):
        (folder / "set" / part).mkdir(parents=True)
        (folder / "set" / part / "a").write_text(content)
    return folder / "set"


@pytest.mark.parametrize(
    ("write", "second"),
    [
        (write_house, Status.ABSENT),
        (write_bioc_json, Status.ABSENT),
        (write_bioc_xml, Status.ABSENT),
        (write_brat, Status.ABSENT),
        (write_pubtator, None),  # these two cannot say it
        (write_gsc, None),
    ],
)
def test_formats_that_locate(
    write: Callable[[Path], Path], second: Status | None, tmp_path: Path, toy: Ontology
) -> None:
    corpus = read_corpus(write(tmp_path), toy)
    (document,) = corpus.documents
    assert kinds(corpus) == []
    assert (corpus.name, document.id, document.text) == ("set", "a", TEXT)
    assert [(m.spans, m.hpo_id) for m in document.mentions] == [
        ((Span(0, 8),), SEIZURE),
        ((Span(13, 22),), HYPOTONIA),
    ]
    assert document.mentions[1].status is second
    assert document.mentions[0].status in (Status.PRESENT, None)


def write_wide_csv(folder: Path) -> Path:
    (folder / "a.txt").write_text(TEXT)
    path = folder / "set.csv"
    path.write_text("Document;file;present;absent;sex\na;a.txt;HP:0001250;HP_1252;female\n")
    return path


def write_long_tsv(folder: Path) -> Path:
    path = folder / "set.tsv"
    text = TEXT.replace("\n", " ")
    path.write_text(f"id\ttext\thpo_id\tstatus\tsex\na\t{text}\tHP:0001250\t\tfemale\na\t\tHP:0001252\texcluded\t\n")
    return path


def write_excel(folder: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["document", "text", "present", "absent", "sex"])
    sheet.append(["a", TEXT, "Seizure HP:0001250", "HP:0001252", "female"])
    book.save(folder / "set.xlsx")
    return folder / "set.xlsx"


def write_phenopackets(folder: Path) -> Path:
    path = folder / "set"
    path.mkdir()
    (path / "a.txt").write_text(TEXT)
    features = [{"type": {"id": SEIZURE}}, {"type": {"id": HYPOTONIA}, "excluded": True}]
    (path / "a.json").write_text(json.dumps({"id": "p", "subject": {"sex": "FEMALE"}, "phenotypicFeatures": features}))
    return path


@pytest.mark.parametrize("write", [write_wide_csv, write_long_tsv, write_excel, write_phenopackets])
def test_formats_that_give_ids_for_a_document(write: Callable[[Path], Path], tmp_path: Path, toy: Ontology) -> None:
    corpus = read_corpus(write(tmp_path), toy)
    (document,) = corpus.documents
    assert kinds(corpus) == []
    assert document.text.split() == TEXT.split()
    assert [(t.hpo_id, t.status) for t in document.terms] == [(SEIZURE, Status.PRESENT), (HYPOTONIA, Status.ABSENT)]
    assert document.metadata == {"sex": "female"}


def test_negex_table(tmp_path: Path, toy: Ontology) -> None:
    path = tmp_path / "negex.txt"
    path.write_text("Number\tConcept\tSentence\tLabel\n1\tedema\tNo EDEMA.\tNegated\n2\tfever\tChills.\tAffirmed\n")
    corpus = read_corpus(path, toy)
    assert [(d.text, d.mentions[0].spans, d.mentions[0].status) for d in corpus.documents] == [
        ("No edema.", (Span(3, 8),), Status.ABSENT),
        ("Chills.", (), Status.PRESENT),
    ]
    assert kinds(corpus) == [(Kind.UNLOCATED, "2", 3)]


def test_faults_are_reported_with_document_and_line_and_nothing_is_lost(tmp_path: Path, toy: Ontology) -> None:
    path = house(
        tmp_path,
        {"id": "wrong", "text": TEXT, "mentions": [{**mention(0, 8), "text": "Deafness"}]},
        {"id": "outside", "text": TEXT, "mentions": [mention(0, 8), {**mention(0, 8), "end": 999}]},
        {"id": "unsorted", "text": TEXT, "mentions": [mention(13, 22, HYPOTONIA), mention(0, 8)]},
        {"id": "overlap", "text": TEXT, "mentions": [mention(0, 8), mention(4, 12)]},
        {"id": "twice", "text": TEXT, "mentions": [mention(0, 8), mention(0, 8)]},
        {"id": "old", "text": TEXT, "mentions": [mention(0, 8, "HP:0001275")]},
        {"id": "retired", "text": TEXT, "mentions": [mention(0, 8, "HP:0000057")], "doc_terms": [{"hpo_id": "HP:9"}]},
        {"id": "status", "text": TEXT, "mentions": [mention(0, 8, status="perhaps")]},
        {"id": "nowhere", "text": TEXT, "mentions": [{"hpo_id": SEIZURE}]},
        {"id": "old", "text": TEXT},
        "{not json",
        {"text": "no id"},
        {"id": "no text"},
        {"id": "bad trap", "text": TEXT, "traps": [{}]},
    )
    corpus = read_corpus(path, toy)
    assert sorted(kinds(corpus), key=lambda found: found[2]) == [
        (Kind.MISMATCH, "wrong", 1),
        (Kind.OUTSIDE, "outside", 2),
        (Kind.UNSORTED, "unsorted", 3),
        (Kind.OVERLAP, "overlap", 4),
        (Kind.DUPLICATE, "twice", 5),
        (Kind.MIGRATED, "old", 6),
        (Kind.UNKNOWN_ID, "retired", 7),
        (Kind.UNKNOWN_ID, "retired", 7),
        (Kind.UNKNOWN_STATUS, "status", 8),
        (Kind.UNLOCATED, "nowhere", 9),
        (Kind.SAME_ID, "old", 10),
        *[(Kind.UNREADABLE, "", line) for line in (11, 12, 13, 14)],
    ]
    by_id = {document.id: document for document in corpus.documents}
    assert by_id["wrong"].mentions == (GoldMention((), SEIZURE, Status.PRESENT, surface="Deafness"),)
    assert [m.spans for m in by_id["outside"].mentions] == [(Span(0, 8),), ()]
    assert [m.hpo_id for m in by_id["unsorted"].mentions] == [SEIZURE, HYPOTONIA]
    assert len(by_id["twice"].mentions) == 1
    assert by_id["old"].mentions[0].hpo_id == SEIZURE
    assert by_id["retired"].mentions[0].hpo_id is None
    assert not any("Seizures" in str(problem) or "Deafness" in str(problem) for problem in corpus.problems)


def test_nested_mentions_are_no_fault(tmp_path: Path, toy: Ontology) -> None:
    path = house(tmp_path, {"id": "a", "text": TEXT, "mentions": [mention(0, 9), mention(0, 8), mention(13, 22)]})
    assert read_corpus(path, toy).problems == ()


def test_mixed_encodings_are_read_and_reported(tmp_path: Path, toy: Ontology) -> None:
    path = tmp_path / "set.jsonl"
    record = '{"id": "%s", "text": "caf\xe9 au lait"}\n'
    path.write_bytes((record % "a").encode("utf-8") + (record % "b").encode("cp1252"))
    corpus = read_corpus(path, toy)
    assert [document.text for document in corpus.documents] == ["café au lait"] * 2
    assert kinds(corpus) == [(Kind.ENCODING, "", 2)]


def test_line_separators_inside_a_text_do_not_end_the_record(tmp_path: Path, toy: Ontology) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "one\N{LINE SEPARATOR}two"}, ensure_ascii=False) + "\n", "utf-8")
    assert read_corpus(path, toy).documents[0].text == "one\N{LINE SEPARATOR}two"


def test_the_split_comes_from_the_file_beside(tmp_path: Path, toy: Ontology) -> None:
    path = house(tmp_path, {"id": "a", "text": TEXT}, {"id": "b", "text": TEXT})
    (tmp_path / "set.splits.json").write_text(json.dumps({"dev": ["a"], "test": ["b"]}))
    assert [document.metadata["split"] for document in read_corpus(path, toy).documents] == ["dev", "test"]


def test_folders_of_corpora(tmp_path: Path) -> None:
    house(tmp_path, {"id": "a", "text": TEXT})
    (tmp_path / "set.splits.json").write_text("{}")
    (tmp_path / "README.md").write_text("# not a corpus")
    brat = write_brat(tmp_path)
    assert find_corpora([tmp_path]) == [brat, tmp_path / "set.jsonl"]
    with pytest.raises(ConfigError, match="no corpus named other"):
        find_corpora([tmp_path], ["other"])
    with pytest.raises(ConfigError, match="no such file"):
        find_corpora([tmp_path / "missing"])
    with pytest.raises(ConfigError, match="not a corpus"):
        find_corpora([tmp_path / "README.md"])


def test_a_table_without_documents_is_refused(tmp_path: Path, toy: Ontology) -> None:
    (tmp_path / "set.csv").write_text("name,present\nx,HP:0001250\n")
    with pytest.raises(ConfigError, match="no column named document"):
        read_corpus(tmp_path / "set.csv", toy)


def test_cells_and_letters_of_a_table_that_cannot_be_used_are_reported(tmp_path: Path, toy: Ontology) -> None:
    (tmp_path / "set.csv").write_text("document,file,present\na,missing.txt,HP:0001250\nb,,seizure\n,,HP:0001250\n")
    corpus = read_corpus(tmp_path / "set.csv", toy)
    assert corpus.documents == ()
    assert sorted(kinds(corpus), key=lambda found: found[2]) == [
        (Kind.NO_TEXT, "a", 2),
        (Kind.UNKNOWN_ID, "b", 3),
        (Kind.NO_TEXT, "b", 3),
        (Kind.UNREADABLE, "", 4),
    ]


def test_the_template_can_be_run_as_it_is(toy: Ontology) -> None:
    examples = Path(__file__).parents[2] / "examples"
    for name in ("eval_template.csv", "eval_template.xlsx"):
        corpus = read_corpus(examples / name, toy)
        assert [document.id for document in corpus.documents] == ["gp_referral", "growth_clinic"]
        assert {problem.kind for problem in corpus.problems} == {Kind.UNKNOWN_ID}  # the toy ontology has few terms
