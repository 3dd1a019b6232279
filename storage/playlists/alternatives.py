"""Names, languages and defaults among alternatives: several sounds, several captions. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from storage.playlists.renditions import SoundRendition, TextRendition
from storage.playlists.shown_text import clean_text, known_language

T = TypeVar("T", SoundRendition, TextRendition)


@dataclass(frozen=True, slots=True)
class Alternative(Generic[T]):
    """A rendition as a menu of alternatives shows it."""

    rendition: T
    label: str
    """Unlike the labels of all others."""
    language: str | None
    is_default: bool
    is_chosen_by_language: bool
    """True for the first of its language: RFC 8216 s. 4.3.4.1.1 wants no second."""


def list_alternatives(
    renditions: Sequence[T], default: T | None = None
) -> Iterator[Alternative[T]]:
    """The alternatives in their order."""
    labels: set[str] = set()
    languages: set[str | None] = set()
    for number, rendition in enumerate(renditions, start=1):
        language = known_language(rendition.language)
        label = _unlike(_label(rendition, language, number), labels)
        yield Alternative(
            rendition, label, language, rendition is default, language not in languages
        )
        labels.add(label)
        languages.add(language)


def _label(rendition: T, language: str | None, number: int) -> str:
    return clean_text(rendition.title or "") or language or f"{number}"


def _unlike(label: str, others: set[str]) -> str:
    number, found = 1, label
    while found in others:
        number += 1
        found = f"{label} ({number})"
    return found
