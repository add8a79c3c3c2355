"""Numbers as findings: one line of a letter, and the terms that a clinician would code from it."""

from __future__ import annotations

import time

import pytest

import phenoextract
from phenoextract.assertion import decide
from phenoextract.measure import find_measurements
from phenoextract.ontology import Ontology, Term
from phenoextract.rules import load_rules
from phenoextract.sections import find_sections
from phenoextract.text import tokenise
from phenoextract.types import Mention, NotCoded, Status

LABELS = {
    "HP:0000252": "Microcephaly",
    "HP:0000256": "Macrocephaly",
    "HP:0011451": "Primary microcephaly",
    "HP:0004488": "Macrocephaly at birth",
    "HP:0004322": "Short stature",
    "HP:0003502": "Mild short stature",
    "HP:0008848": "Moderately short stature",
    "HP:0003510": "Severe short stature",
    "HP:0000098": "Tall stature",
    "HP:0003561": "Birth length less than 3rd percentile",
    "HP:0003517": "Birth length greater than 97th percentile",
    "HP:0001510": "Growth delay",
    "HP:0004325": "Decreased body weight",
    "HP:0004324": "Increased body weight",
    "HP:0001518": "Small for gestational age",
    "HP:0001520": "Large for gestational age",
    "HP:0045082": "Decreased body mass index",
    "HP:0001513": "Obesity",
    "HP:0025502": "Overweight",
    "HP:0001511": "Intrauterine growth retardation",
    "HP:0011428": "Short fetal femur length",
    "HP:0010880": "Increased nuchal translucency",
    "HP:0000822": "Hypertension",
    "HP:0001945": "Fever",
    "HP:0012664": "Reduced left ventricular ejection fraction",
    "HP:0005184": "Prolonged QTc interval",
    "HP:0032341": "Reduced forced vital capacity",
    "HP:0032342": "Reduced forced expiratory volume in one second",
    "HP:0004349": "Reduced bone mineral density",
    "HP:0012515": "Hip flexor weakness",
    "HP:0009027": "Foot dorsiflexor weakness",
    "HP:0003722": "Neck flexor weakness",
    "HP:0003731": "Quadriceps muscle weakness",
    "HP:0003547": "Shoulder girdle muscle weakness",
    "HP:0003749": "Pelvic girdle muscle weakness",
    "HP:0031108": "Triceps weakness",
    "HP:0031177": "Finger flexor weakness",
    "HP:0033416": "Hip adductor weakness",
    "HP:0002187": "Intellectual disability, profound",
    "HP:0010864": "Intellectual disability, severe",
    "HP:0002342": "Intellectual disability, moderate",
    "HP:0001256": "Intellectual disability, mild",
    "HP:0006889": "Intellectual disability, borderline",
    "HP:0001249": "Intellectual disability",
    "HP:0025336": "Delayed ability to sit",
    "HP:0031936": "Delayed ability to walk",
    "HP:0000750": "Delayed speech and language development",
    "HP:0001622": "Premature birth",
}
ONTOLOGY = Ontology("test", {i: Term(i, label, "", (), ()) for i, label in LABELS.items()}, {}, ())


def measured(line: str) -> list[Mention]:
    tokens = tokenise(line)
    return find_measurements(line, tokens, range(len(tokens.words)), ONTOLOGY)


def said(line: str) -> list[str]:
    """Give the labels that a line is coded to, "?" before what is borderline; normal ones are left out."""
    return [
        ("?" if mention.status is Status.UNCERTAIN else "") + mention.candidates[0].label
        for mention in measured(line)
        if mention.candidates
    ]


def shown(line: str) -> list[str]:
    return [" … ".join(line[span.start : span.end] for span in mention.spans) for mention in measured(line)]


GROWTH = [
    # centiles as UK letters write them
    ("OFC 45 cm (<0.4th)", ["Microcephaly"]),
    ("OFC 42.3 cm (<0.4th, approx -5 SD)", ["Microcephaly"]),
    ("OFC 54.6 (98th-99.6th)", ["Macrocephaly"]),
    ("Head circumference >99.6th centile", ["Macrocephaly"]),
    ("his OFC is on the 98th", ["?Macrocephaly"]),
    ("OFC 91st", []),
    ("OFC 2nd–9th", []),
    ("HC 25th", []),
    ("Ht 92.3cm 0.4th centile", ["Short stature"]),
    ("Ht 104.5 cm (0.4th-2nd)", ["Short stature"]),
    ("height just under the 2nd centile", ["Short stature"]),
    ("height on the 2nd", ["?Short stature"]),
    ("height 2nd–9th", []),
    ("height between the 0.4th and 2nd centiles", ["Short stature"]),
    ("height between the 9th and 25th centiles", []),
    ("height, 120 cm, is below the third centile", ["Short stature"]),
    ("height and weight are on the twenty fifth centile", []),
    ("stature >99.6th", ["Tall stature"]),
    ("he was 186 cm tall (>99.6th centile)", ["Tall stature"]),
    ("He was 112 cm (<0.4th) and 61 kg (50th–75th)", ["Short stature"]),
    ("wt 9.8 kg (<0.4th)", ["Decreased body weight"]),
    ("weight 2nd–9th", []),
    ("weight fell from the 50th to the 0.4th centile", ["Decreased body weight"]),
    ("he weighs 40 kg (>99.6th)", ["Increased body weight"]),
    ("Weight 40 kg (91st-98th)", []),
    ("Height velocity 2.8 cm/yr (<3rd)", ["Growth delay"]),
    # raw numbers say nothing without a reference
    ("OFC 45 cm, height 92 cm, weight 9.8 kg", []),
    # other charts and other countries
    ("head circumference < 3rd percentile", ["Microcephaly"]),
    ("below the 3rd centile for height", ["Short stature"]),
    ("Height <P3, weight P10-P25", ["Short stature"]),
    ("P3 for height", ["?Short stature"]),
    ("weight at 5th percentile", []),
    ("length >97th percentile", ["Tall stature"]),
    ("height 25%ile", []),
    # standard deviations; with both, the SDS decides
    ("Ht −3.2 SDS", ["Moderately short stature"]),
    ("Height 133.1 cm (-2.6 SDS, 0.4th centile)", ["Mild short stature"]),
    ("height Z-score of -4.5", ["Severe short stature"]),
    ("height between -2 and -3 SD", ["Mild short stature"]),
    ("height < -2 SD", ["Short stature"]),
    ("height more than 3 SD below the mean", ["Short stature"]),
    ("height was 2 SD below the mean", ["?Mild short stature"]),
    ("height was 2.5 standard deviations below the mean", ["Mild short stature"]),
    ("height within 2 SD", []),
    ("OFC at -3 SD", ["Microcephaly"]),
    ("-2.5 SD (head circumference)", ["Microcephaly"]),
    ("OFC +4.1 SD", ["Macrocephaly"]),
    ("OFC −1.5 SD", []),
    ("weight is 3 SDs below average", ["Decreased body weight"]),
    # birth
    ("birthweight 2.05 kg (0.4th-2nd centile)", ["Small for gestational age"]),
    ("birth weight was 4.35 kg (91st-98th centile)", ["Large for gestational age"]),
    ("BW: 1690 g (9th-25th centile)", []),
    ("birth weight 9th", ["?Small for gestational age"]),
    ("birth weight 1800 g (-3 SD)", ["Small for gestational age"]),
    ("OFC at birth 30 cm (<0.4th)", ["Primary microcephaly"]),
    ("born at 40 weeks weighing 2.1 kg (<0.4th)", ["Small for gestational age"]),
    ("Birth OFC 99.6th", ["Macrocephaly at birth"]),
    ("At birth his length was 43 cm (0.4th)", ["Birth length less than 3rd percentile"]),
    ("Normal at birth, but at 2 years OFC <0.4th", ["Microcephaly"]),
    # several in a line
    (
        "wt 9.8 kg (<0.4th), Ht 104.5 cm (0.4th-2nd), OFC 54.6 (98th-99.6th).",
        ["Decreased body weight", "Short stature", "Macrocephaly"],
    ),
    (
        "height, weight and head circumference were all below the 3rd percentile",
        ["Short stature", "Decreased body weight", "Microcephaly"],
    ),
    ("height and weight are at the 1st and 10th centile respectively", ["Short stature"]),
    ("12.9th percentile height (113 cm), 50th percentile head circumference (51 cm)", []),
    # body mass index
    ("BMI 31", ["Obesity"]),
    ("BMI 27.5 kg/m2", ["Overweight"]),
    ("body mass index (BMI) of 22", []),
    ("BMI 91st-98th centile", ["Overweight"]),
    ("BMI >99.6th centile", ["Obesity"]),
    ("BMI 50th centile", []),
    # tables and lines
    ("Height | 120 cm | >99.6th", ["Tall stature"]),
    ("Height\n120 cm\n>99.6th", ["Tall stature"]),
    (
        "| Age | Height (centile) | OFC (centile) |\n|---|---|---|\n| 2y | 80 cm (0.4th) | 48 cm (25th) |",
        ["Short stature"],
    ),
    ("Age\tHeight\tcentile\tOFC\tcentile\n2y\t80 cm\t25th\t42 cm\t<0.4th", ["Microcephaly"]),
    (
        "Age     OFC             Weight\nBirth   31 cm (<0.4th)  2.0 kg (0.4th)\n1 y     42 cm (<0.4th)  9 kg (9th)",
        ["Primary microcephaly", "Microcephaly", "Small for gestational age"],
    ),
    # not the patient's height, not a centile, not a growth measure
    ("Mid-parental height 190 cm (>99.6th)", []),
    ("palpebral fissure length -3 SD, hand length <3rd centile", []),
    ("height 120 cm on 2nd May; 4th toe; 2nd child", []),
    ("bone age -2.5 SD", []),
    ("weight loss of 3rd degree", []),
]

OTHERS = [
    # gestation, at birth only
    ("He was born at 33+4", ["Premature birth"]),
    ("Gestation at birth: 33+4", ["Premature birth"]),
    ("born by emergency caesarean section at 29/40", ["Premature birth"]),
    ("delivered at 34 weeks", ["Premature birth"]),
    ("born after 33 weeks of gestation", ["Premature birth"]),
    ("ex-28 weeker", ["Premature birth"]),
    ("born at 39+5", []),
    ("born at 37 weeks", []),
    ("scan at 20+5 was normal", []),
    ("currently 32 weeks' gestation", []),
    ("delivery planned at 36 weeks", []),
    ("born at term after polyhydramnios at 32 weeks", []),
    ("born well, seen when 24 weeks old", []),
    # milestones that are clearly late
    ("sat at 11 months", ["Delayed ability to sit"]),
    ("sat at 6½ months", []),
    ("Walked 20/12", ["Delayed ability to walk"]),
    ("walked late, at 2 years", ["Delayed ability to walk"]),
    ("walked at two and a half", ["Delayed ability to walk"]),
    ("walked at 18-24 months", []),
    ("he did not walk until 23 months", ["Delayed ability to walk"]),
    ("Sat 8 m, walked 20 m", ["Delayed ability to walk"]),
    ("walking at 13 months", []),
    ("walking with support at 20 months", []),
    ("toe walking at 3 years", []),
    ("lost walking at 5 years", []),
    ("walking for 2 years", []),
    ("able to walk until 5 years", []),
    ("first words at 2 years", ["Delayed speech and language development"]),
    ("first words at 18 months", []),
    # readings
    ("T 38.9", ["Fever"]),
    ("temp 39.2 in ED", ["Fever"]),
    ("temperature 37.2", []),
    ("call if temp > 38", []),
    ("Gestation 34+5  BW 2060 g", ["Premature birth"]),
    ("at a gestation of 24+5 the scan was normal", []),
    ("LVEF 34%", ["Reduced left ventricular ejection fraction"]),
    ("ECG showed a QTc of 512 ms.", ["Prolonged QTc interval"]),
    ("hip flexion 4/5 and ankle dorsiflexion 4-/5", ["Hip flexor weakness", "Foot dorsiflexor weakness"]),
    ("Neck flexors 2/5. Quads 5/5, BP 122/70", ["Neck flexor weakness"]),
    ("QTc 410", []),
    ("FVC 61% predicted", ["Reduced forced vital capacity"]),
    ("FVC 92% predicted", []),
    ("FEV1 38% pred", ["Reduced forced expiratory volume in one second"]),
    ("DXA: lumbar Z score -2.3", ["Reduced bone mineral density"]),
    ("lumbar puncture at 3 years, BMD Z-score -1.1", []),
    ("EF 66%", []),
    ("NT 4.8 mm", ["Increased nuchal translucency"]),
    ("NT 2.1 mm", []),
    ("IQ of 55", ["Intellectual disability, mild"]),
    ("full scale IQ 45", ["Intellectual disability, moderate"]),
    ("IQ 72", ["Intellectual disability, borderline"]),
    ("IQ < 70", ["Intellectual disability"]),
    ("verbal IQ 60", []),
    ("IQ 100", []),
    ("HC 25th, FL <1st centile, EFW 2nd", ["Short fetal femur length", "?Intrauterine growth retardation"]),
    ("BP 132/84, above the 95th centile", ["?Hypertension"]),
    ("Known hypertensive, BP 132/84, above the 95th centile", ["Hypertension"]),
    ("Hb 70, platelets 12, CK 18,400", []),
]


@pytest.mark.parametrize(("line", "labels"), [*GROWTH, *OTHERS])
def test_a_line_is_coded_as_the_policy_says(line: str, labels: list[str]) -> None:
    assert said(line) == labels


@pytest.mark.parametrize(
    ("line", "spans"),
    [
        ("Her OFC 56.8 cm (>99.6th centile, +4.1 SD).", ["OFC 56.8 cm (>99.6th centile, +4.1 SD)"]),
        ("she was 112 cm tall (0.4th-2nd centile)", ["112 cm tall (0.4th-2nd centile)"]),
        ("-2.5 SD (head circumference)", ["-2.5 SD (head circumference)"]),
        ("He was born in Leeds at 33+4.", ["33+4"]),
        ("height and OFC <0.4th", ["height … <0.4th", "OFC <0.4th"]),
        ("| Ht | OFC |\n| 25th | <0.4th |", ["Ht … 25th", "OFC … <0.4th"]),
        ("Élodie 👶: OFC <0.4th", ["OFC <0.4th"]),
    ],
)
def test_spans_run_from_the_name_through_the_value(line: str, spans: list[str]) -> None:
    assert shown(line) == spans


def test_a_normal_centile_says_so_and_is_never_absent() -> None:
    (mention,) = measured("OFC 50th centile")
    assert mention.not_coded is NotCoded.NORMAL
    assert mention.candidates == ()


def test_borderline_and_clear_values_differ_in_review_and_score() -> None:
    clear, borderline = measured("OFC <0.4th, height 2nd")
    assert clear.review is None
    assert borderline.review == "borderline: on the line"
    assert clear.candidates[0].score > borderline.candidates[0].score
    assert clear.candidates[0].synonym == "OFC below the 2nd centile"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("There is no dysmorphism, OFC <0.4th.", Status.PRESENT),
        ("He did not walk until 23 months.", Status.PRESENT),
        ("OFC is on the 98th.", Status.UNCERTAIN),
        ("Dear Dr Moss\nHis father has an OFC of 60.5 cm (>99.6th centile).", Status.FAMILY),
    ],
)
def test_a_measurement_cannot_be_denied_but_can_be_a_relatives(line: str, status: Status) -> None:
    tokens, sections = tokenise(line), find_sections(line)
    (assertion,) = decide(line, tokens, sections, measured(line), letter=True)
    assert assertion.status is status


@pytest.mark.parametrize(
    "part",
    [
        "1",
        "cm ",
        "OFC ",
        "OFC 1 ",
        "height, ",
        "1 cm (",
        "born at ",
        "| OFC | Ht |\n",
        "at birth OFC 2nd ",
        "BP >95th. ",
    ],
)
def test_time_grows_no_faster_than_the_text(part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * length)[:length]
        tokens = tokenise(text)
        taken = []
        for _ in range(3):  # the best of three: a busy machine must not fail this
            begin = time.process_time()
            find_measurements(text, tokens, range(len(tokens.words)), ONTOLOGY)
            taken.append(time.process_time() - begin)
        return min(taken)

    # linear time gives about 10, quadratic time 100
    assert seconds(160_000) < 50 * max(seconds(16_000), 0.002)


def _ids() -> set[str]:
    data = load_rules("measurements")
    return {band["hpo"] for measure in data["measure"].values() for band in measure["bands"]} | {
        data["gestation"]["hpo"]
    }


def test_every_term_of_the_rules_is_named_here() -> None:
    assert _ids() == set(LABELS)


@pytest.mark.artefacts
def test_every_term_of_the_rules_is_current() -> None:
    ontology = phenoextract.load().ontology
    assert {hpo_id: ontology.label(hpo_id) for hpo_id in LABELS} == LABELS
    assert all(ontology.is_phenotype(hpo_id) for hpo_id in LABELS)


def test_a_release_without_the_term_gives_no_finding(toy_extractor: phenoextract.Extractor) -> None:
    assert toy_extractor("She walked at 3 years and was born at 28 weeks.").features == ()
