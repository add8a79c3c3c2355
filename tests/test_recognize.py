"""Which phrases are found, by which term, and in which stretches of the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from phenoextract import Extractor
from phenoextract.build import build_index
from phenoextract.index import Index, load_index
from phenoextract.pipeline import ExtractConfig
from phenoextract.types import Annotation, Method

ROOT = Path(__file__).parents[1]
# Terms of the face and the stomach, with their labels, that the toy ontology lacks.
MORE = """
[Term]
id: HP:0000772
name: Abnormal rib morphology
is_a: HP:0000118

[Term]
id: HP:0000316
name: Hypertelorism
is_a: HP:0000118

[Term]
id: HP:0000601
name: Hypotelorism
is_a: HP:0000118

[Term]
id: HP:0000358
name: Posteriorly rotated ears
is_a: HP:0000118

[Term]
id: HP:0000369
name: Low-set ears
is_a: HP:0000118

[Term]
id: HP:0001028
name: Hemangioma
is_a: HP:0002664

[Term]
id: HP:0001770
name: Toe syndactyly
synonym: "Syndactyly of feet" EXACT []
is_a: HP:0001159

[Term]
id: HP:0009824
name: Upper limb undergrowth
synonym: "Short arms" EXACT []
is_a: HP:0000118

[Term]
id: HP:0001344
name: Absent speech
synonym: "No speech" EXACT []
is_a: HP:0000118

[Term]
id: HP:0002013
name: Vomiting
is_a: HP:0002017

[Term]
id: HP:0002017
name: Nausea and vomiting
is_a: HP:0000118

[Term]
id: HP:0002018
name: Nausea
is_a: HP:0002017

[Term]
id: HP:0002187
name: Profound intellectual disability
synonym: "Intellectual disability, profound" EXACT []
is_a: HP:0000118

[Term]
id: HP:0002664
name: Neoplasm
synonym: "Tumor" EXACT []
is_a: HP:0000118

[Term]
id: HP:0004467
name: Preauricular pit
is_a: HP:0000118
"""


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Extractor:
    folder = tmp_path_factory.mktemp("more")
    obo = folder / "more.obo"
    obo.write_text((ROOT / "ontologies" / "toy.obo").read_text("utf-8") + MORE, "utf-8")
    return Extractor(
        load_index(build_index(obo, folder / "index", lexicon=ROOT / "tests" / "data" / "toy_lexicon.tsv"))
    )


def found(extractor: Extractor, text: str) -> list[Annotation]:
    return [annotation for annotation in extractor(text).annotations if annotation.hpo_id is not None]


def pieces(extractor: Extractor, text: str) -> set[tuple[str | None, tuple[str, ...]]]:
    """Give each label found with the stretches of the text that it was found in."""
    return {
        (annotation.label, tuple(text[span.start : span.end] for span in annotation.spans))
        for annotation in found(extractor, text)
    }


def labels(extractor: Extractor, text: str) -> set[str | None]:
    return {label for label, _ in pieces(extractor, text)}


def test_conjuncts_share_their_last_word(toy_extractor: Extractor) -> None:
    assert pieces(toy_extractor, "He has axial and appendicular hypotonia.") == {
        ("Axial hypotonia", ("axial", "hypotonia")),
        ("Appendicular hypotonia", ("appendicular hypotonia",)),
    }


def test_conjuncts_share_both_ends(toy_extractor: Extractor) -> None:
    assert pieces(toy_extractor, "She has short 4th and 5th metacarpals.") == {
        ("Short 4th metacarpal", ("short 4th", "metacarpals")),
        ("Short 5th metacarpal", ("short", "5th metacarpals")),
    }


def test_conjuncts_share_a_tail_of_several_words(toy_extractor: Extractor) -> None:
    assert labels(toy_extractor, "Agenesis and hypoplasia of the corpus callosum") == {
        "Agenesis of corpus callosum",
        "Hypoplasia of the corpus callosum",
    }


def test_conjuncts_with_a_whole_name_each_stay_apart(toy_extractor: Extractor) -> None:
    assert pieces(toy_extractor, "He has kyphosis and scoliosis.") == {
        ("Kyphosis", ("kyphosis",)),
        ("Scoliosis", ("scoliosis",)),
    }


@pytest.mark.parametrize(
    "phrase",
    [
        "hypoplasia of the corpus callosum",
        "hypoplasia of corpus callosum",
        "corpus callosum hypoplasia",
        "corpus callosum was hypoplastic",
    ],
)
def test_words_of_a_name_may_stand_in_another_order(toy_extractor: Extractor, phrase: str) -> None:
    assert pieces(toy_extractor, f"The {phrase}.") == {("Hypoplasia of the corpus callosum", (phrase,))}


@pytest.mark.parametrize("text", ["EARS: low set, posteriorly rotated", "Ears: low-set and posteriorly rotated"])
def test_part_of_the_body_may_head_a_list(more: Extractor, text: str) -> None:
    assert labels(more, text) == {"Low-set ears", "Posteriorly rotated ears"}


def test_finding_under_a_heading_of_two_parts_belongs_to_neither(more: Extractor) -> None:
    assert pieces(more, "Feet: syndactyly") == {("Toe syndactyly", ("Feet: syndactyly",))}
    assert pieces(more, "Hands and feet: syndactyly") == {("Syndactyly", ("syndactyly",))}
    assert labels(more, "Eyes and ears: posteriorly rotated") == {"Posteriorly rotated ears"}


def test_name_does_not_end_within_a_member_of_a_list(more: Extractor) -> None:
    assert labels(more, "intellectual disability, profound") == {"Profound intellectual disability"}
    assert labels(more, "intellectual disability, profound spastic weakness") == set()


def test_other_order_does_not_reach_across_with(toy_extractor: Extractor) -> None:
    assert pieces(toy_extractor, "Nose with long philtrum") == {("Long philtrum", ("long philtrum",))}
    assert labels(toy_extractor, "The philtrum with long lashes") == set()


def test_arm_of_a_chromosome_is_no_limb(more: Extractor) -> None:
    assert labels(more, "She has short arms.") == {"Upper limb undergrowth"}
    assert labels(more, "A deletion of the short arm of chromosome 4 was found.") == set()


def test_a_name_may_lack_one_word_of_the_text(more: Extractor) -> None:
    assert pieces(more, "She has low-set hypoplastic ears.") == {("Low-set ears", ("low-set", "ears"))}
    assert labels(more, "She has low-set hypoplastic spastic ears.") == set()
    assert labels(more, "Low-set with hypoplastic ears.") == set()


def test_a_name_that_denies_lacks_no_word(more: Extractor) -> None:
    assert labels(more, "He has no speech.") == {"Absent speech"}
    assert labels(more, "He has no abnormal speech.") == set()


def test_a_name_that_lacks_a_word_replaces_less_specific_ones(toy_extractor: Extractor) -> None:
    assert pieces(toy_extractor, "There is proximal axial muscle weakness.") == {
        ("Proximal muscle weakness", ("proximal", "muscle weakness"))
    }


def test_conjuncts_share_an_abnormality(more: Extractor) -> None:
    assert labels(more, "There were costal, and ocular anomalies.") == {
        "Abnormal rib morphology",
        "Abnormality of the eye",
    }


def test_members_of_a_list_share_the_noun_before_it(more: Extractor) -> None:
    assert pieces(more, "There was an abnormality of the ribs, eyes and teeth.") == {
        ("Abnormal rib morphology", ("abnormality of the ribs",)),
        ("Abnormality of the eye", ("abnormality", "eyes")),
    }
    assert labels(more, "There was an abnormality of the ribs, eyes.") == {"Abnormal rib morphology"}


def test_members_of_a_list_share_no_word_out_of_the_middle(more: Extractor) -> None:
    assert labels(more, "She has low-set, hypoplastic ears.") == {"Low-set ears"}
    assert labels(more, "She has low-set, hypoplastic ear muscles.") == set()


def test_adjective_with_a_noun_of_its_own_is_not_shared(more: Extractor) -> None:
    assert labels(more, "Ear pits and low-set muscles.") == set()
    assert labels(more, "Ears: pits and low-set.") == {"Low-set ears"}


def test_subjects_share_their_predicate(more: Extractor) -> None:
    assert pieces(more, "The ears and eyes were low-set.") == {("Low-set ears", ("ears", "low-set"))}
    assert labels(more, "The ears, the eyes were low-set.") == set()


def test_what_was_noted_to_be_is_what_it_was_noted_as(more: Extractor) -> None:
    assert labels(more, "His ears were noted to be low-set.") == {"Low-set ears"}


def test_an_article_begins_what_shares_nothing(more: Extractor) -> None:
    both = {"Abnormal rib morphology", "Abnormality of the eye"}
    assert labels(more, "There was an abnormality of the ribs and eyes.") == both
    assert labels(more, "There was an abnormality of the ribs and a scar by the eye.") == {"Abnormal rib morphology"}


def test_what_only_describes_the_next_word_is_not_named(more: Extractor) -> None:
    assert labels(more, "There were ocular anomalies.") == {"Abnormality of the eye"}
    assert labels(more, "There were anomalies of the ocular muscle tone.") == set()
    assert labels(more, "She has abnormal eyes.") == {"Abnormality of the eye"}
    assert labels(more, "She has abnormal eye muscle tone.") == set()


def test_and_within_a_name(more: Extractor) -> None:
    assert pieces(more, "She has nausea and vomiting.") == {("Nausea and vomiting", ("nausea and vomiting",))}
    assert labels(more, "She has vomiting and nausea.") == {"Nausea", "Vomiting"}


def test_abbreviation_takes_the_meaning_the_letter_gives_it(toy_extractor: Extractor) -> None:
    text = "She has global developmental delay (GLD). Her GLD is marked."
    assert [(a.text, a.label, a.method) for a in found(toy_extractor, text)] == [
        ("global developmental delay", "Global developmental delay", Method.LABEL),
        ("GLD", "Global developmental delay", Method.ABBREVIATION),
    ]
    assert labels(toy_extractor, "Her GLD is marked.") == set()


def test_defined_abbreviation_has_one_meaning(toy_extractor: Extractor) -> None:
    text = "He has an atrial septal defect (ASD). The ASD was large."
    assert [[c.hpo_id for c in a.candidates] for a in found(toy_extractor, text)] == [["HP:0001631"]] * 2


def test_abbreviation_of_two_terms_offers_both(toy_extractor: Extractor) -> None:
    (annotation,) = found(toy_extractor, "He has ASD.")
    assert {candidate.hpo_id for candidate in annotation.candidates} == {"HP:0000729", "HP:0001631"}


@pytest.mark.parametrize("text", ["He has a vsd.", "He has a Vsd.", "The pda was closed."])
def test_lower_case_abbreviation_is_not_coded(toy_extractor: Extractor, text: str) -> None:
    assert labels(toy_extractor, text) == set()


@pytest.mark.parametrize("text", ["Seen by Dr Ptosis.", "Seen by Dr. Ptosis.", "I met Mrs Ataxia today."])
def test_surname_after_a_title_is_not_coded(toy_extractor: Extractor, text: str) -> None:
    assert labels(toy_extractor, text) == set()


@pytest.mark.parametrize("written", ["scolioisis", "sco1iosis", "scoli0sis"])
def test_misspelt_and_misread_words_are_found(toy_extractor: Extractor, written: str) -> None:
    (annotation,) = found(toy_extractor, f"He has {written}.")
    assert (annotation.label, annotation.text, annotation.method) == ("Scoliosis", written, Method.FUZZY)


def test_misspelling_between_opposites_is_not_coded(more: Extractor) -> None:
    assert labels(more, "She has hypetelorism.") == set()


def test_short_capitalised_word_is_a_surname_before_it_is_a_misspelling(toy_extractor: Extractor) -> None:
    assert labels(toy_extractor, "I saw Atexia today.") == set()
    assert labels(toy_extractor, "He has atexia.") == {"Ataxia"}


def test_longest_name_wins(toy_extractor: Extractor) -> None:
    assert labels(toy_extractor, "She has spastic ataxia.") == {"Spastic ataxia"}
    assert labels(toy_extractor, "There is proximal muscle weakness.") == {"Proximal muscle weakness"}


def test_nested_names_are_kept_on_request(toy_index: Index) -> None:
    nested = Extractor(toy_index, ExtractConfig(nested=True))
    assert pieces(nested, "She has spastic ataxia.") == {
        ("Spastic ataxia", ("spastic ataxia",)),
        ("Ataxia", ("ataxia",)),
    }


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("He has severe scoliosis.", "scoliosis"),
        ("He has a scoliosis which is severe.", "scoliosis"),
        ("Moderate to severe spastic ataxia.", "spastic ataxia"),
        ("He has axial marked hypotonia.", "axial marked hypotonia"),
    ],
)
def test_modifiers_are_skipped_within_a_mention_and_left_out_around_it(
    toy_extractor: Extractor, text: str, span: str
) -> None:
    assert {stretch for _, stretch in pieces(toy_extractor, text)} == {(span,)}


def test_equivalent_words_count_beside_a_word_of_degree(more: Extractor) -> None:
    assert labels(more, "He has a profound cognitive disability.") == {"Profound intellectual disability"}
    assert labels(more, "He has a severe cognitive disability.") == set()


@pytest.mark.parametrize("text", ["Severe.", "It is refractory.", "A severe form of it.", "mild"])
def test_modifiers_alone_are_never_coded(toy_extractor: Extractor, text: str) -> None:
    assert labels(toy_extractor, text) == set()


@pytest.mark.parametrize("written", ["pre-auricular pit", "preauricular pits", "Pre-auricular pits"])
def test_prefix_may_have_a_hyphen(more: Extractor, written: str) -> None:
    assert pieces(more, f"There was a {written}.") == {("Preauricular pit", (written,))}


@pytest.mark.parametrize("written", ["haemangioma", "haemangiomata", "Hemangiomas"])
def test_uk_and_us_spellings_are_one(more: Extractor, written: str) -> None:
    assert pieces(more, f"There was a {written}.") == {("Hemangioma", (written,))}
    assert labels(more, "He has tumours.") == {"Neoplasm"}


def test_everyday_word_needs_its_context(toy_extractor: Extractor) -> None:
    assert labels(toy_extractor, "His gait is wobbly.") == {"Ataxia"}
    assert labels(toy_extractor, "The table is wobbly.") == set()


def test_name_does_not_cross_the_end_of_a_sentence(toy_extractor: Extractor) -> None:
    assert labels(toy_extractor, "It was spastic. Ataxia was seen.") == {"Ataxia"}


def test_link_gives_the_whole_before_its_parts(toy_extractor: Extractor) -> None:
    ((first, *_), (nothing), (derived, *_)) = toy_extractor.link(["spastic ataxia", "a blue hat", "ataxic"])
    assert first.hpo_id == "HP:0002497"
    assert nothing == ()
    assert (derived.hpo_id, derived.method) == ("HP:0001251", Method.VARIANT)
