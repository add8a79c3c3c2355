"""The relatives that letters name, as codes of HL7 v3 RoleCode (https://terminology.hl7.org/CodeSystem-v3-RoleCode.html).

The codes say no more than the letter: "mother" is MTH, which covers the natural mother (NMTH) and any other.
"""

from __future__ import annotations

from phenoextract.types import Annotation, Coding, Cue

_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
_WORDS = {  # with "_" between the words of one name
    ("MTH", "mother"): "mother mothers mum mums mummy mam mom maternal",
    ("FTH", "father"): "father fathers dad dads daddy paternal",
    ("PRN", "parent"): "parent parents parental",
    ("STPFTH", "stepfather"): "stepfather step-father stepdad step-dad",
    ("STPMTH", "stepmother"): "stepmother step-mother stepmum step-mum",
    ("STPBRO", "stepbrother"): "stepbrother step-brother",
    ("STPSIS", "stepsister"): "stepsister step-sister",
    ("SIS", "sister"): "sister sisters",
    ("BRO", "brother"): "brother brothers",
    ("HSIS", "half-sister"): "half-sister half-sisters",
    ("HBRO", "half-brother"): "half-brother half-brothers",
    ("SIB", "sibling"): "sibling siblings sib sibs",
    ("HSIB", "half-sibling"): "half-sibling half-siblings",
    ("TWIN", "twin"): "twin",
    ("SONC", "son"): "son sons",
    ("DAUC", "daughter"): "daughter daughters",
    ("CHILD", "child"): "child children",
    ("GRMTH", "grandmother"): "grandmother grandmothers grandma gran granny nan nana nanna",
    ("GRFTH", "grandfather"): "grandfather grandfathers granddad grandad grandpa grandpas",
    ("GGRMTH", "great grandmother"): "great-grandmother great-gran",
    ("GGRFTH", "great grandfather"): "great-grandfather",
    ("GRPRN", "grandparent"): "grandparent grandparents",
    ("MGRMTH", "maternal grandmother"): "mgm mat_gm",
    ("MGRFTH", "maternal grandfather"): "mgf mat_gf",
    ("PGRMTH", "paternal grandmother"): "pgm pat_gm",
    ("PGRFTH", "paternal grandfather"): "pgf pat_gf",
    ("GRNDSON", "grandson"): "grandson",
    ("GRNDDAU", "granddaughter"): "granddaughter",
    ("AUNT", "aunt"): "aunt aunts auntie aunty aunties",
    ("UNCLE", "uncle"): "uncle uncles",
    ("COUSN", "cousin"): "cousin cousins",
    ("NEPHEW", "nephew"): "nephew nephews",
    ("NIECE", "niece"): "niece nieces",
    ("WIFE", "wife"): "wife",
    ("HUSB", "husband"): "husband husb",
    ("SIGOTHR", "significant other"): "partner",
    ("EXT", "extended family member"): "great-aunt great-uncle",
}
_CODINGS = {
    word.replace("_", " "): Coding(_SYSTEM, code, display)
    for (code, display), words in _WORDS.items()
    for word in words.split()
}
_UNNAMED = Coding(_SYSTEM, "FAMMEMB", "family member")
_ONE_ONLY = frozenset({"MTH", "FTH", "MGRMTH", "MGRFTH", "PGRMTH", "PGRFTH"})


def relative(annotation: Annotation) -> Coding:
    """Give the relative that a finding in the family is said of; FAMMEMB if the letter does not name one."""
    cue = _cue(annotation)
    return _CODINGS[_word(cue)] if cue else _UNNAMED


def person(annotation: Annotation) -> tuple[str, int]:
    """Give what is equal for two findings only if they are of one person.

    There is one mother; two brothers are the same brother only where the same word of the letter names him.
    """
    code, cue = relative(annotation).code, _cue(annotation)
    return code, -1 if code in _ONE_ONLY else cue.start if cue else annotation.start


def names_relative(cue: Cue) -> bool:
    """Tell whether a cue is a word for a relative, such as "mother", and so no name."""
    return _word(cue) in _CODINGS


def _cue(annotation: Annotation) -> Cue | None:
    return next(filter(names_relative, annotation.cues), None)


def _word(cue: Cue) -> str:
    return cue.text.lower().replace("’", "'").removesuffix("'s")
