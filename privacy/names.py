"""Comparing names as they are written by hand in Iraq: Arabic and Kurdish, in chains of two to five names.

One woman is زينب كاظم جاسم الساعدي on her card, زينب كاظم الساعدى at one clerk's and زینب کازم at another's. A comparison of text finds
none of them; one that forgives too much takes حسن for حسين. So each name is compared in steps, and each step taken is told as a
trait, for a person to read and a reviewer to weigh:

    the same text  >  the same spelling apart from what clerks leave out  >  the same sound  >  a slip of one letter  >  different

Whoever decides from a score decides also from the traits: `DIFFERENT` is never outweighed by other names that agree.
Source: Unicode Standard 17, chapter 9.2 (Arabic) and UAX 15 for the forms of letters; Needleman and Wunsch, 1970, for aligning two chains;
the edit distance is rapidfuzz's optimal string alignment.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

LONGEST = 200
"""Characters of a whole name; the longest real chains have some eighty."""

MOST = 12
"""Names in one chain that are compared; a longer chain is no name."""

GIVEN = 2.0
"""What the first name of a chain weighs against each of the others: brothers share all but it."""

MISSING = 0.25
"""What a name that only one chain has weighs: leaving out a grandfather is no contradiction."""

UNSURE = 89
"""The most that two chains are alike of which any two names differ."""

SOUNDS = 0.92
"""How alike two names are that only sound the same."""


class Trait(StrEnum):
    """How two chains of names differ, from nothing to everything."""

    SAME = "same"
    SPELLING = "spelling"
    SOUND = "sound"
    SHORTER = "shorter"
    SLIP = "slip"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two names are, 0 to 100, and by which traits; none stands twice, the mildest first."""

    score: int
    traits: tuple[Trait, ...]


NOTHING_ALIKE = Likeness(0, (Trait.DIFFERENT,))
"""Two names of which one is missing, or which share nothing."""

SPELLINGS = str.maketrans(
    {
        **dict.fromkeys("أإآٱٲٳ", "ا"),
        **dict.fromkeys("ىیېۍێي", "ي"),
        **dict.fromkeys("ؤۆۊۇۈۋ", "و"),
        **dict.fromkeys("ةھہۀ", "ه"),
        **dict.fromkeys("کگڪ", "ك"),
        "ڕ": "ر",
        "ڵ": "ل",
        "ڤ": "ف",
        "پ": "ب",
        "چ": "ج",
        "ژ": "ز",
        "ئ": "ي",
        "ء": "",
    }
)
"""Letters that one clerk writes for another's: hamza, ta marbuta, alif maqsura, and Kurdish letters that an Arabic keyboard lacks."""

ARABIC_KEYBOARD = str.maketrans("ەئ", "هي")
"""What becomes of Kurdish letters where the keyboard has none and the clerk takes the nearest."""

KURDISH_VOWELS = str.maketrans({"ە": "", "ئ": ""})
"""Kurdish writes the short a that Arabic leaves out, and a mark before a vowel that begins a word."""

SOUND_ALIKE = str.maketrans(
    {**dict.fromkeys("ثص", "س"), **dict.fromkeys("ذظض", "ز"), "ط": "ت", "ح": "ه", "ع": "ا", "غ": "ق", **dict.fromkeys("ًٌٍ", "")}
)
"""Consonants that Kurdish, or a clerk who only heard the name, writes alike."""

COMPOUND_FIRST = frozenset({"عبد", "ابو", "ام", "بو"})
"""Words that are half a name: the next belongs to them."""

COMPOUND_LAST = frozenset({"دين", "له", "اسلام"})
"""Words that are the second half of a name: نور الدين, فضل الله."""

BETWEEN = frozenset({"بن", "ابن", "بنت", "ال", "كچي", "كوري"})
"""Words that stand between names and are none: son of, daughter of, house of."""

EQUAL = {"عبدوللا": "عبدله", "عبدولا": "عبدله", "عبدلا": "عبدله", "عبدالا": "عبدله", "عوسمان": "عثمان", "عومر": "عمر", "عهلي": "علي"}
"""Names whose Kurdish form no rule leads back to the Arabic one, as folded: a rule that forgave a و would take محمود for محمد."""

WORD = re.compile(r"[^\W\d_]+")


def readable(text: str) -> str:
    """A name as a person typed it, without what cannot be seen: marks of direction, joiners, controls, doubled spaces.

    Raises:
        ValueError: nothing to read, more than 200 characters, or signs that stand in no name.
    """
    if len(text) > LONGEST * 4:
        raise ValueError(f"a name has at most {LONGEST} characters")
    seen = "".join(" " if each.isspace() else each for each in unicodedata.normalize("NFC", text) if _visible(each))
    plain = " ".join(seen.split())
    if len(plain) > LONGEST:
        raise ValueError(f"a name has at most {LONGEST} characters")
    if not any(each.isalpha() for each in plain):
        raise ValueError("a name has letters")
    if not all(each.isalpha() or each in " -.'’ـ" or unicodedata.category(each) == "Mn" for each in plain):
        raise ValueError("a name has letters and spaces only")
    return plain


def folded(text: str) -> tuple[str, ...]:
    """The names of a chain in the one spelling that all ways of writing them lead to; empty for what has no letters."""
    words = [each for word in text.split() for each in _folded_words(word)][: MOST * 2]
    return tuple(_compounds([each for each in words if each]))[:MOST]


@lru_cache(16_384)
def _folded_words(word: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKC", word.replace("\N{ZERO WIDTH NON-JOINER}", "")).lower()
    plain = "".join(each for each in plain if each != "\N{ARABIC TATWEEL}" and unicodedata.category(each) not in {"Mn", "Cf"})
    return tuple(map(_folded_word, WORD.findall(plain)))


@lru_cache(16_384)
def sound(name: str) -> str:
    """A key to group candidates by before they are compared: equal for names that might be meant alike, and for many that are not.

    Vowels go, so حسن and حسين meet here; telling them apart is the comparison's work.
    """
    heard = name.translate(SOUND_ALIKE)
    heard = heard[:1] + re.sub("[اوي]", "", heard[1:-1]) + heard[-1:] if len(heard) > 3 else heard
    return re.sub(r"(.)\1+", r"\1", heard)


def compare(one: str, other: str) -> Likeness:
    """How alike two chains of names are; the same whichever is given first.

    The shorter chain is laid along the longer one in order, so that a left-out name does not shift the others against each other.
    """
    if one.split() == other.split() and folded(one):
        return Likeness(100, (Trait.SAME,))
    return max((_likened(first, second) for first in readings(one) for second in readings(other)), key=lambda found: found.score)


def apart(one: Sequence[Sequence[str]], other: Sequence[Sequence[str]]) -> bool:
    """Whether names of two chains, as `readings` gives them, differ however they are read.

    Then `compare` finds `DIFFERENT`; a look that costs a hundredth of it, for who looks among thousands.
    """
    return all(_apart(first, second) for first in one for second in other)


def _apart(first: Sequence[str], second: Sequence[str]) -> bool:
    if not first or not second or _differ(first[0], second[0]):
        return True
    if len(first) == len(second):
        return any(map(_differ, first[1:], second[1:]))
    short, long = sorted((first, second), key=len)
    return any(all(_differ(name, other) for other in long[1:]) for name in short[1:])


def _likened(first: Sequence[str], second: Sequence[str]) -> Likeness:
    if not first or not second:
        return NOTHING_ALIKE
    if first == second:
        return Likeness(100, (Trait.SPELLING,))
    short, long = sorted((first, second), key=len)
    pairs = _aligned(short, long)
    missing = len(long) - len(short)
    traits = {_likeness(one, other)[1] for _, one, other in pairs} | ({Trait.SHORTER} if missing else set())
    if len(traits) > 1:
        traits.discard(Trait.SAME)
    score = round(100 * _weighed(pairs) / (sum(weight for weight, _, _ in pairs) + MISSING * missing))
    return Likeness(min(score, UNSURE) if Trait.DIFFERENT in traits else score, tuple(each for each in Trait if each in traits))


@lru_cache(4096)
def readings(text: str) -> list[tuple[str, ...]]:
    """The chain as it is folded, and a Kurdish one also as an Arabic keyboard writes it."""
    own = folded(text)
    typed = folded(re.sub(r"\bئ", "ي", text).translate(ARABIC_KEYBOARD)) if "ە" in text or "ئ" in text else own
    return [own] if typed == own else [own, typed]


def _visible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character)[0] != "C"


def _folded_word(word: str) -> str:
    if "ە" in word or word[:1] == "ئ":  # only Kurdish writes so; what ends in ە is what Arabic ends in ة
        ending = "ه" if word.endswith("ە") and len(word) > 3 else ""
        opening = "ا" if word[:1] == "ئ" else ""
        rest = word[1:] if opening else word
        if opening and rest[:1] in {"ا", "ە", "ێ", "ی", "ي"}:
            rest = rest[1:]
        word = opening + rest.translate(KURDISH_VOWELS) + ending
    word = word.translate(SPELLINGS)
    word = re.sub(r"و{2,}", "و", re.sub(r"ي{2,}", "ي", word))
    if word.startswith("ال") and len(word) > 4:
        word = word[2:]
    elif word == "الله":
        word = "له"
    return EQUAL.get(word, word)


def _compounds(words: Sequence[str]) -> list[str]:
    """Join the halves of compound names, in whichever way they came: together, apart, with or without the article between."""
    names: list[str] = []
    waiting = ""
    for word in words:
        if word in BETWEEN and not waiting:
            continue
        if waiting:
            names.append(_joined(waiting + word))
            waiting = ""
        elif word in COMPOUND_FIRST:
            waiting = word
        elif word in COMPOUND_LAST and names:
            names[-1] = _joined(names[-1] + word)
        else:
            names.append(_joined(word))
    return [*names, waiting] if waiting else names


@lru_cache(16_384)
def _joined(name: str) -> str:
    if name.startswith("عبدال") and len(name) > 6:
        name = "عبد" + name[5:]
    name = re.sub(r"^(.{2,})ال(دين|له|اسلام)$", r"\1\2", name)
    return EQUAL.get(name, name)


Pair = tuple[float, str, str]


def _aligned(short: Sequence[str], long: Sequence[str]) -> list[Pair]:
    """Each of the shorter chain beside one of the longer, in order, as alike as can be; the first beside the first."""
    best: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
    spare = len(long) - len(short)
    for place in range(len(short) - 1, 0, -1):
        for at in range(place + spare, place - 1, -1):
            here = _likeness(short[place], long[at])[0] + (best[place + 1, at + 1][0] if place + 1 < len(short) else 0.0)
            chosen = (here, (at, *(best[place + 1, at + 1][1] if place + 1 < len(short) else ())))
            later = best.get((place, at + 1))
            best[place, at] = later if later is not None and later[0] > here else chosen
    places = (0, *best[1, 1][1]) if len(short) > 1 else (0,)
    return [(GIVEN if place == 0 else 1.0, name, long[at]) for place, (name, at) in enumerate(zip(short, places, strict=True))]


def _weighed(pairs: Sequence[Pair]) -> float:
    return sum(weight * _likeness(one, other)[0] for weight, one, other in pairs)


def _differ(one: str, other: str) -> bool:
    return one != other and _likeness(one, other)[1] is Trait.DIFFERENT


@lru_cache(65_536)
def _likeness(one: str, other: str) -> tuple[float, Trait]:
    if one == other:
        return 1.0, Trait.SAME
    if one.translate(SOUND_ALIKE) == other.translate(SOUND_ALIKE):
        return SOUNDS, Trait.SOUND
    from rapidfuzz.distance import OSA  # two megabytes, for those who compare names

    longest = max(len(one), len(other))
    distance = OSA.distance(one, other, score_cutoff=1)
    if distance == 1 and longest > 2:
        # Squared, because one letter of five is what tells حسن from حسين.
        return (1 - distance / longest) ** 2, Trait.SLIP
    return 0.0, Trait.DIFFERENT
