"""What the encoder learns from: phrases that name the same term, and phrases that only look like it.

Everything comes from a compiled index, that is from HPO's names, synonyms, definitions and hierarchy and from the
UK lexicon of this project. No letter, note or annotated text is used.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict

from phenoextract.index import Index, function_words
from phenoextract.text import fold
from phenoextract.types import Method

_DEFINITION_SHARE = 0.12
_SENTENCE = re.compile(r"(?<=[.;])\s+")
_BRACKETS = re.compile(r"\[.*?\]|\(.*?\)")
_SPELLINGS = (
    ("haem", "hem"), ("oedem", "edem"), ("paed", "ped"), ("aemia", "emia"), ("oesoph", "esoph"), ("tumour", "tumor"),
    ("colour", "color"), ("anaes", "anes"), ("foet", "fet"), ("isation", "ization"),
)  # fmt: skip
_LEADS = (
    *"mild severe bilateral left right marked slight some progressive with the her his noted".split(),
    *("history of", "evidence of", "he has", "there was"),
)


class Views:
    """Draws phrases for terms; the same seed gives the same phrases."""

    def __init__(self, index: Index, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # no secret depends on it
        self.names: dict[str, list[str]] = defaultdict(list)
        for name in index.names:
            if not name.context and name.method is not Method.ABBREVIATION:
                self.names[name.hpo_id].append(name.text)
        self.ids = sorted(self.names)
        self._parents = {term.id: [above for above in term.parents if above in self.names] for term in index.ontology}
        self._children: dict[str, list[str]] = defaultdict(list)
        for hpo_id in self.ids:
            for above in self._parents[hpo_id]:
                self._children[above].append(hpo_id)
        self._sentences = {
            term.id: [s for s in _SENTENCE.split(_BRACKETS.sub("", term.definition or "")) if len(s) > 15]
            for term in index.ontology
        }
        self._bags = {_bag(text) for texts in self.names.values() for text in texts}

    def batch(self, size: int) -> list[str]:
        """Give ids to tell apart: random terms, each with siblings and a parent, which are the hardest to."""
        chosen: dict[str, None] = {}
        while len(chosen) < size:
            hpo_id = self._random.choice(self.ids)
            group = [hpo_id]
            if self._parents[hpo_id]:
                above = self._random.choice(self._parents[hpo_id])
                siblings = self._children[above]
                group += [*self._random.sample(siblings, min(3, len(siblings))), above]
            chosen.update(dict.fromkeys(group))
        return list(chosen)[:size]

    def view(self, hpo_id: str) -> str:
        """Give a phrase for a term: now and then a sentence of its definition, else one of its names, altered."""
        if self._sentences[hpo_id] and self._random.random() < _DEFINITION_SHARE:
            return self._random.choice(self._sentences[hpo_id])
        return self._alter(self._random.choice(self.names[hpo_id]))

    def broken(self, hpo_id: str) -> str | None:
        """Give a name without one or two of its words, which names nothing: "thyroid function" is no finding."""
        for _ in range(4):
            words = self._random.choice(self.names[hpo_id]).replace("-", " ").split()
            content = [place for place, word in enumerate(words) if fold(word) not in function_words()]
            if len(content) < 2:
                continue
            count = 1 if len(content) < 4 or self._random.random() < 0.7 else 2
            for place in sorted(self._random.sample(content, count), reverse=True):
                del words[place]
            if _bag(" ".join(words)) not in self._bags:
                return " ".join(words)
        return None

    def _alter(self, text: str) -> str:
        """Write a name as letters do: another order, a slip of the keys, British spelling, words before it."""
        chance = self._random.random()
        words = text.split()
        if chance < 0.3:
            return text
        if chance < 0.5:
            self._random.shuffle(words)
            return " ".join(words)
        if chance < 0.7:
            place = self._random.randrange(len(words))
            words[place] = self._mistype(words[place])
            return " ".join(words)
        if chance < 0.82:
            for british, american in _SPELLINGS:
                text = text.replace(american, british)
            return text
        if chance < 0.94:
            return f"{self._random.choice(_LEADS)} {text}"
        return text if text.endswith("s") else text + "s"

    def _mistype(self, word: str) -> str:
        if len(word) < 5:
            return word
        place = self._random.randrange(1, len(word) - 1)
        return self._random.choice(
            (
                word[:place] + word[place + 1 :],
                word[:place] + word[place + 1] + word[place] + word[place + 2 :],
                word[:place] + self._random.choice("abcdefghijklmnopqrstuvwxyz") + word[place:],
            )
        )


def _bag(text: str) -> tuple[str, ...]:
    return tuple(sorted(fold(word) for word in text.replace("-", " ").split()))
