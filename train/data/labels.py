"""What the name of a folder, or a label in a list, says about its cells: parasitized, uninfected, or nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

PARASITIZED, UNINFECTED = 1, 0

_INFECTED = frozenset({
    "parasitized", "parasitised", "parasitic", "infected", "positive", "pos", "sick", "diseased", "unwell",
    "infection", "infections", "abnormal", "positif", "positifs", "infecte", "infectes", "positivo", "infectado",
})  # fmt: skip
_HEALTHY = frozenset({
    "uninfected", "uninfect", "unparasitized", "unparasitised", "noninfected", "nonparasitized", "nonparasitised",
    "healthy", "negative", "neg", "normal", "clean", "negatif", "negatifs", "negativo", "sain", "saine", "sains",
    "sano",
})  # fmt: skip
# The disease, its parasite and their stages: what cells have, but as often the name of a whole collection or a patient.
_DISEASE = frozenset({"malaria", "malarial", "paludisme", "parasite", "parasites", "parasitemia", "plasmodium"})
_KINDS = frozenset({
    "falciparum", "vivax", "ovale", "malariae", "knowlesi", "cynomolgi", "berghei", "yoelii", "chabaudi", "ring",
    "rings", "trophozoite", "trophozoites", "schizont", "schizonts", "gametocyte", "gametocytes",
})  # fmt: skip
_NOT = frozenset({"no", "non", "not", "un", "without", "never", "free", "sans", "pas", "nicht"})
# Between a negation and what it negates.
_BETWEEN = frozenset({
    "a", "any", "the", "yet", "of", "from", "with", "by", "p", "sign", "signs", "evidence", "visible",
})  # fmt: skip
# A name with one of these says neither.
_DOUBT = frozenset({
    "or", "and", "vs", "versus", "both", "mixed", "maybe", "perhaps", "suspect", "suspected", "suspicious",
    "unsure", "uncertain", "unknown", "doubtful", "ambiguous", "et", "ou", "y", "o",
})  # fmt: skip
# Beside the name of the disease these leave it a statement about cells; other words make it a name.
_PLAIN = frozenset({
    "p", "cell", "cells", "rbc", "rbcs", "red", "blood", "erythrocyte", "erythrocytes", "image", "images", "img",
    "imgs", "crop", "crops", "patient", "patients", "slide", "slides", "sample", "samples", "class", "label",
    "stage", "stages", "species", "spp", "sp", "early", "late", "young", "mature",
})  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NUMBER = re.compile(r"(?:(?:class|label|category)[ _-]*)?(\d+)(?:\.0*)?|(true|false|yes|no|y|n)", re.IGNORECASE)
_TRUTH = {"1": True, "true": True, "yes": True, "y": True, "0": False, "false": False, "no": False, "n": False}


@dataclass(frozen=True)
class Statement:
    """What a name says.

    Attributes:
        label: 1 parasitized, 0 uninfected.
        weak: only the disease, its parasite or a stage is named, which may be what a collection or a patient is called.
    """

    label: int
    weak: bool = False


def statement(name: str) -> Statement | None:
    """What a folder's name, or a label in a list, says; None when it says nothing, or both.

    Letters' case, accents, numbers and what stands between the words play no part. Negations turn what they stand
    before ("no-malaria", "not infected", "un-infected", "nonMalaria") or behind ("parasite-free"). Digits alone say
    nothing: collections of these cells are published with 0 for parasitized and with 1.
    """
    words = _words(name)
    if _DOUBT & set(words):
        return None
    said: list[Statement] = []
    turned = False
    for place, word in enumerate(words):
        if word in _NOT:
            # "infected no 3" counts, it does not deny
            turned ^= not (place + 1 < len(words) and words[place + 1].isdigit())
        elif (found := _meaning(word)) is not None:
            label, kind = found
            if turned and kind:
                return None  # not of this species or stage, perhaps of another
            said.append(Statement(1 - label, False) if turned else Statement(label, kind or word in _DISEASE))
            turned = False
        elif turned and word not in _BETWEEN:
            return None  # what is denied is not known
    if turned:  # behind what it denies: "parasite-free", "infected: no"
        if len(said) != 1 or _KINDS & set(words):
            return None
        said = [Statement(1 - said[0].label)]
    return _joined(said, words)


def _joined(said: Sequence[Statement], words: Sequence[str]) -> Statement | None:
    """One statement of those within a name: "malaria negative" speaks of the cells by its second word."""
    strong = {one.label for one in said if not one.weak}
    if len(strong) == 1:
        (label,) = strong
        # negative for one species is not negative for all
        return None if label == UNINFECTED and _KINDS & set(words) else Statement(label)
    if strong or not said:
        return None
    plain = all(word.isdigit() or word in _PLAIN or word in _DISEASE or word in _KINDS for word in words)
    return Statement(PARASITIZED, weak=True) if plain else None


def _words(name: str) -> list[str]:
    """The words of a name in small letters, without accents; ``nonInfected`` and ``non_infected`` are two."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    return [word.lower() for word in _WORD.findall(plain)]


def _meaning(word: str) -> tuple[int, bool] | None:
    """Label of one word, and whether it is a species or a stage."""
    if word in _HEALTHY:
        return UNINFECTED, False
    if word in _INFECTED or word in _DISEASE:
        return PARASITIZED, False
    if word in _KINDS:
        return PARASITIZED, True
    for prefix in ("non", "un", "no", "not"):
        rest = word.removeprefix(prefix)
        if rest != word and (found := _meaning(rest)) is not None and not found[1]:
            return 1 - found[0], False
    return None


def number_in(name: str) -> str | None:
    """The number, or the yes or no, that a name is without saying of what: "0" of "class_00"; None of other names."""
    found = _NUMBER.fullmatch(name.strip())
    if found is None:
        return None
    return str(int(found[1])) if found[1] else found[2].lower()


def says_yes(number: str) -> bool | None:
    """What an answer of :func:`number_in` means below a heading that asks ("infected"); None for other numbers."""
    return _TRUTH.get(number)
