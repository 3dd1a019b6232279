"""Limits of uploads, as plain values."""

from dataclasses import dataclass

from storage.media.facts import MediaLimits


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """`media_limits` are the probe's; `reserve_bytes` of the disk always stay free.

    A resumable upload lives for `expiry_s` after its last bytes.
    """

    max_size_bytes: int
    reserve_bytes: int
    quota_bytes: int | None
    allowed_formats: tuple[str, ...]
    media_limits: MediaLimits
    expiry_s: float
    most_per_user: int
