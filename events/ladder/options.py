"""Options of the adaptive ladder, by the settings of the service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LadderOptions:
    """The rungs that are wanted; `heights` are the short sides of pictures, None the usual ones."""

    heights: tuple[int, ...] | None = None
    has_av1: bool = False

    @property
    def text(self) -> str:
        """One text for the same rungs, by which a changed setting is recognised."""
        heights = "auto" if self.heights is None else ",".join(map(str, self.heights))
        return f"{heights} av1" if self.has_av1 else heights


@dataclass(frozen=True, slots=True)
class LadderSettings:
    """`options` is None where no ladders are made."""

    options: LadderOptions | None
    quota_bytes: int | None = None
    reserve_bytes: int = 0
    """Kept free on the disk."""
