"""Any name of the lexicon that a letter denies, queries or says of a relative is never coded as present."""

from __future__ import annotations

import random

import pytest

from phenoextract import ExtractConfig, Extractor, load
from phenoextract.types import Scope, Status

SAID = {
    Status.ABSENT: [
        "He has no {}.",
        "There was no evidence of {}.",
        "No {} was seen.",
        "She denies {}.",
        "He did not have {}.",
        "There is no {} or seizures.",
    ],
    Status.FAMILY: ["Her mother has {}.", "His father had {}, but he is well.", "There is a family history of {}."],
    Status.UNCERTAIN: ["Possible {}.", "?{}", "Query {}.", "The referral was to exclude {}."],
}
NAMES = 600


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load(config=ExtractConfig(encoder=False))


@pytest.mark.artefacts
@pytest.mark.parametrize("status", SAID)
def test_every_name_can_be_denied_queried_or_said_of_a_relative(extractor: Extractor, status: Status) -> None:
    # a measured value is a fact whatever stands before it: "no length below the 0.4th centile" is no way to deny one
    names = [name for name in extractor.names if name.scope is Scope.EXACT and not any(map(str.isdigit, name.text))]
    # "no with-the-rule astigmatism": the "with" ends what is denied, and is not known for a part of the name
    names = [name for name in names if not name.text.lower().startswith("with")]
    texts = [name.text for name in random.Random(1).sample(names, NAMES)]
    missed, found = [], 0
    for text in texts:
        for sentence in SAID[status]:
            if " or " in sentence and (
                "," in text or "/" in text or "n't" in text or text.endswith(".") or len(text.split()) > 10
            ):
                continue  # "no hearing loss, severe or seizures" may mean either, and a denial does not reach for ever
            written = sentence.format(text if text.isupper() else text[0].lower() + text[1:])
            features = extractor(f"Dear Dr Smith,\n\n{written}").features
            found += bool(features)
            missed += [written for feature in features if feature.status is Status.PRESENT]
    assert not missed
    assert found > NAMES * len(SAID[status]) * 0.8
