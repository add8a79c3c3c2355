"""Results of the laboratory as findings: one line of a letter, and the terms that a clinician would code from it."""

from __future__ import annotations

import time

import pytest

from phenoextract.laboratory import read_result
from phenoextract.measure import find_measurements
from phenoextract.ontology import Ontology, Term
from phenoextract.rules import load_rules
from phenoextract.text import tokenise
from phenoextract.types import Mention, NotCoded, Status

ANALYTES = load_rules("laboratory")["analytes"]
# each side of each analyte is a term of its own name here, so that a line shows what was read
TERMS = {data[side]: f"{side} {name}" for name, data in ANALYTES.items() for side in ("high", "low") if side in data}
ONTOLOGY = Ontology("test", {i: Term(i, label, "", (), ()) for i, label in TERMS.items()}, {}, ())


def results(line: str) -> list[Mention]:
    tokens = tokenise(line)
    return find_measurements(line, tokens, range(len(tokens.words)), ONTOLOGY)


def said(line: str) -> list[str]:
    """Give what a line is coded to, "?" before what is borderline, "normal" for what is inside its range."""
    return [
        ("?" if mention.status is Status.UNCERTAIN else "") + mention.candidates[0].label
        if mention.candidates
        else str(mention.not_coded)
        for mention in results(line)
    ]


LINES = [
    # a range in brackets
    ("CK was 2,340 IU/L (normal <200).", ["high creatine kinase"]),
    ("CK 2340 U/L (40-320), ALT 85 IU/L (<40)", ["high creatine kinase", "high alanine aminotransferase"]),
    ("Hb 98 g/L (115-155). Platelets 85 x10^9/L (150–400).", ["low haemoglobin", "low platelets"]),
    ("alkaline phosphatase 2110 U/l (normal range 35 – 129 U/l)", ["high alkaline phosphatase"]),
    ("parathyroid hormone 3396\u2005pg/mL (normal range 9.5\u201375\u2005pg/mL)", ["high parathyroid hormone"]),
    ("serum lactate of 4.8 mmol/L [reference 0.5 to 2.2 mmol/L]", ["high lactate"]),
    ("vitamin B12 (111 ng/L, normal range 200–940 ng/L)", ["low vitamin B12"]),
    ("25-OH vitamin D was 31 nmol/l (n = 75–100 nmol/l)", ["low vitamin D"]),
    ("25-hydroxyvitamin D 15 nmol/L (≥50 nmol/L)", ["low vitamin D"]),
    ("LDH was elevated to 1925 units/L (upper limit 670)", ["high lactate dehydrogenase"]),
    ("a desperately high CRP: 152 mg/l (normal up to 5)", ["high C-reactive protein"]),
    ("FSH <0.3 mIU/mL (normal 1.4–18.1 mIU/mL)", ["low follicle stimulating hormone"]),
    ("CK >10,000 (ref 40–320)", ["high creatine kinase"]),
    ("ammonia 110 µmol/L (mean 30 ± 10)", []),  # of whom is not said
    ("ammonia 210 µmol/L (normal 30 ± 10)", ["high ammonia"]),
    ("CSF protein 1.2 g/L (0.15–0.45)", ["high CSF protein"]),
    # in a column, as pasted from the laboratory's system
    ("CK\t2340\tU/L\t40-320", ["high creatine kinase"]),
    ("Sodium   128   mmol/L   135-145\nPotassium   5.9   mmol/L   3.5-5.3 H", ["low sodium", "high potassium"]),
    # the laboratory's mark, and multiples of the limit
    ("TSH 12.3 mU/L (H), free T4 7 pmol/L [L]", ["high thyroid stimulating hormone", "low free T4"]),
    ("ferritin 5 ug/L ↓", ["low ferritin"]),
    ("CK was five times the upper limit of normal", ["high creatine kinase"]),
    ("creatine kinase level was 2-fold higher than the normal value", ["high creatine kinase"]),
    ("LDH 3x ULN, CRP twice normal", ["high lactate dehydrogenase", "high C-reactive protein"]),
    # on the border: the next sample may well be normal
    ("calcium 2.58 mmol/l (2.10–2.55)", ["?high calcium"]),
    ("sodium 134 mmol/L (135-145)", ["?low sodium"]),
    ("IgM 0.06 g/l (0.13–2.51)", ["low IgM"]),
    # inside the range
    ("calcium 2.30 mmol/l (2.20–2.60), CRP <1 (0-5)", [NotCoded.NORMAL, NotCoded.NORMAL]),
    # no range, no finding
    ("CK 150 normal, calcium 2.31 normal, platelets 250 normal", []),
    ("TSH 2.1, normal; CK 95 IU/L (normal)", []),
    ("ALT 20 within normal limits", []),
    ("CK 340", []),
    ("CK 300 in 2019 (2015-2018)", []),
    ("CK has not been measured (normal <200)", []),
    ("lactate after 5 days (3-7 days)", []),
    ("calcium 500 tablets (1-2)", []),
    ("ferritin >100 (15-300)", []),
    # no range, and so far out that none is needed
    ("CK 2340, Hb 61 and platelets 41 x 10^9/L", ["high creatine kinase", "low haemoglobin", "low platelets"]),
    ("haemoglobin 6.1 g/dl, calcium of 3.12 mmol/L", ["low haemoglobin", "high calcium"]),
    ("ammonia 612 µmol/L; glucose 0.9. TSH 48", ["high ammonia", "low glucose", "high thyroid stimulating hormone"]),
    ("faecal elastase was less than 15 ug/g", ["low faecal elastase"]),
    ("Hb 135, sodium 140, ALT >100, platelets <150", []),
    ("calcium 500 mg twice a day, vitamin D 20,000 units, glucose 10%", []),
    ("platelets 2019", []),
    ("glucose 45", []),  # mg/dL, or mmol/L?
    # the number belongs to another analyte, or to another fluid
    ("glucose and ALT 50 (normal <30)", ["high alanine aminotransferase"]),
    ("urine protein and urine sodium 40 (50-100)", []),
    ("pyridoxal phosphate was elevated at 269 nmol/l (normal <110)", []),
    ("IgG3 1.2 (2-4)", []),
    ("CA 125 was 80 (<35)", []),
    ("C3-C4 fusion (2-3)", []),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_laboratory_results_are_read_against_their_range(line: str, expected: list[str]) -> None:
    assert said(line) == expected


def test_laboratory_evidence_runs_from_the_name_through_the_range() -> None:
    line = "Bloods: CK was 2,340 IU/L (normal <200) and ALT 12."
    (found,) = results(line)
    assert line[found.start : found.end] == "CK was 2,340 IU/L (normal <200)"
    assert found.candidates[0].synonym == "creatine kinase above the range given"


def test_laboratory_result_without_a_range_asks_for_a_person() -> None:
    (found,) = results("CK 2340 IU/L")
    assert (found.status, found.candidates[0].synonym) == (Status.PRESENT, "creatine kinase higher than at any age")
    assert found.review == "no range in the text: a result far outside that of any age"


def test_laboratory_borderline_result_asks_for_a_person() -> None:
    (found,) = results("calcium 2.58 mmol/l (2.10–2.55)")
    assert found.review == "borderline: just outside the range"


@pytest.mark.parametrize(
    ("written", "outside"),
    [("300 (100-200)", 1.0), ("50 (100-200)", -0.5), ("150 (100-200)", 0), ("220 (<200)", 0.1), ("9 (H)", 1)],
)
def test_laboratory_tells_how_far_outside_its_range_a_result_lies(written: str, outside: float) -> None:
    result = read_result(written, 0)
    assert result is not None
    assert result.outside == pytest.approx(outside)
    assert result.end == len(written)


@pytest.mark.parametrize("name", ANALYTES)
def test_laboratory_analytes_are_found_by_each_of_their_words(name: str) -> None:
    data = ANALYTES[name]
    side, line = ("high", "{} 900 (10-20)") if "high" in data else ("low", "{} 2 (10-20)")
    for word in data["words"]:
        assert said(line.format(word)) == [TERMS[data[side]]], word


def test_laboratory_reading_takes_linear_time() -> None:
    def seconds(times: int) -> float:
        line = "CK " + "1 normal range " * times + "(" * times
        start = time.perf_counter()
        results(line)
        return time.perf_counter() - start

    seconds(10)
    # linear time gives about 10, quadratic time 100
    assert seconds(20_000) < 30 * max(seconds(2_000), 0.001)
