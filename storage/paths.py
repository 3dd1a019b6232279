"""Paths from ids: the only module that joins paths below the storage root.

Every component is matched against a whitelist, and the joined path is checked to lie below the
root. The second check is lexical: it does not notice a symbolic link placed inside the storage. The
names of published files are decided here too: a part of the content's hash is in the name, so that
a name never refers to other bytes than before.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from storage.errors import InvalidPath, StorageForeign, StorageGone, wrap_os_errors
from storage.formats import EXTENSIONS
from storage.identity import StorageIdentity, read_identity, write_marker

_COURSE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# Uploads: of the video, and of another film that is to replace it.
_ORIGINAL = re.compile(rf"(original|replacement-[0-9a-f]{{32}})\.({'|'.join(EXTENSIONS)})")
# The stems source, alt and storyboard match it, those of rungs and playlists, and the configured
# thumbnail names.
_SERVABLE = re.compile(
    r"[a-z][a-z0-9_]{0,63}-([0-9a-f]{16})\.(mp4|m4a|webm|jpg|webp|avif|vtt|m3u8|mpd)"
)
_PIECE = re.compile(r"[a-z][a-z0-9_]{0,31}-[0-9]{5}\.mp4")
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_HASH_DIGITS = 16
_PARTIAL = re.compile(r"([^.]+)(?:\.[0-9]{1,2})?\.part")
_LADDER = re.compile(r"([^.]+)\.ladder")
_BATCH = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")

# For the owner, and the group, which a web server may be in; others have no access.
DIRECTORY_MODE, FILE_MODE = 0o750, 0o640


def asset_name(stem: str, sha256_hex: str, extension: str) -> str:
    """The servable name of a file with this hash.

    Raises: InvalidPath when the three do not make a servable name.
    """
    if not _SHA256_HEX.fullmatch(sha256_hex):
        raise InvalidPath("not a SHA-256 in lower-case hex")
    name = f"{stem}-{sha256_hex[:_HASH_DIGITS]}.{extension}"
    if not is_servable(name):
        raise InvalidPath(f"not an asset name: {name!r}")
    return name


def original_name(extension: str, replacement_id: UUID | None = None) -> str:
    """The name of the uploaded original, or of the upload of a replacement; never servable."""
    stem = "original" if replacement_id is None else f"replacement-{replacement_id.hex}"
    name = f"{stem}.{extension}"
    if not _ORIGINAL.fullmatch(name):
        raise InvalidPath(f"not an extension: {extension!r}")
    return name


def is_servable(name: str) -> bool:
    """True for a name that may be sent to clients."""
    return _SERVABLE.fullmatch(name) is not None


def partial_id(name: str) -> UUID | None:
    """The id in the name of a resumable upload's file; None for other names."""
    return _id_in(name, _PARTIAL)


def ladder_id(name: str) -> UUID | None:
    """The id in the name of a directory of a ladder's pieces; None for other names."""
    return _id_in(name, _LADDER)


def _id_in(name: str, pattern: re.Pattern[str]) -> UUID | None:
    if (match := pattern.fullmatch(name)) is None:
        return None
    with suppress(ValueError):
        return UUID(match[1])
    return None


def asset_hash(name: str) -> str:
    """The hash digits of a servable name: the opaque value of its ETag.

    Raises: InvalidPath.
    """
    match = _SERVABLE.fullmatch(name)
    if match is None:
        raise InvalidPath(f"not an asset name: {name!r}")
    return match[1]


@dataclass(frozen=True, slots=True)
class StoragePaths:
    """All paths below an absolute `root`.

    With an `expected` identity every operation fails in any other storage that is mounted there.
    """

    root: Path
    expected: StorageIdentity | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(os.path.abspath(self.root)))

    @property
    def marker(self) -> Path:
        """The marker: without this file the mount is gone, and no file may be touched."""
        return self.root / ".coursestream"

    @property
    def owner(self) -> Path:
        """The file that names the owning database."""
        return self.root / ".coursestream-owner"

    @property
    def courses(self) -> Path:
        return self.root / "courses"

    @property
    def trash(self) -> Path:
        """Trash of files without a row, grouped by the sweep that moved them here."""
        return self.root / "trash"

    @property
    def unfinished(self) -> Path:
        return self.root / "tmp"

    def upload(self, upload_id: UUID) -> Path:
        return self._inside(self.unfinished, _uuid_text(upload_id))

    def partial(self, upload_id: UUID, number: int = 0) -> Path:
        """File of a resumable upload: unlike all other unfinished files it has a row.

        Further numbers follow where a holder that hangs keeps the file.
        """
        ending = f".{number:d}.part" if number else ".part"
        return self._inside(self.unfinished, f"{_uuid_text(upload_id)}{ending}")

    def scratch(self, work_id: UUID) -> Path:
        """A directory for the output of a running media function."""
        return self._inside(self.unfinished, f"{_uuid_text(work_id)}.work")

    def ladder(self, work_id: UUID) -> Path:
        """The directory of a ladder's pieces; a row says that they are wanted."""
        return self._inside(self.unfinished, f"{_uuid_text(work_id)}.ladder")

    def piece(self, work_id: UUID, name: str) -> Path:
        """A file in a ladder's directory."""
        if not _PIECE.fullmatch(name):
            raise InvalidPath(f"not a piece of a ladder: {name!r}")
        return self._inside(self.ladder(work_id), name)

    def course_dir(self, course_id: str) -> Path:
        if not _COURSE_ID.fullmatch(course_id):
            raise InvalidPath(f"not a course id: {course_id!r}")
        return self._inside(self.courses, course_id)

    def video_dir(self, course_id: str, video_id: UUID) -> Path:
        return self._inside(self.course_dir(course_id), _uuid_text(video_id))

    def asset(self, course_id: str, video_id: UUID, name: str) -> Path:
        """The path of a servable file or of the original."""
        if not (is_servable(name) or _ORIGINAL.fullmatch(name)):
            raise InvalidPath(f"not an asset name: {name!r}")
        return self._inside(self.video_dir(course_id, video_id), name)

    def stored(self, relative: str) -> Path:
        """The path of a file found by an inventory, from its path relative to the courses."""
        path = self._inside(self.root, relative)
        if self.courses not in path.parents:
            raise InvalidPath(f"not a stored file: {relative!r}")
        return path

    def trash_batch(self, name: str) -> Path:
        if not _BATCH.fullmatch(name):
            raise InvalidPath(f"not a batch of the trash: {name!r}")
        return self._inside(self.trash, name)

    def trashed(self, batch: str, relative: str) -> Path:
        """The path in the trash for a stored file's relative path."""
        self.stored(relative)
        return self._inside(self.trash_batch(batch), relative)

    def _inside(self, parent: Path, name: str) -> Path:
        path = parent / name
        if os.path.normpath(path) != str(path) or not path.is_relative_to(self.root):
            raise InvalidPath(f"outside the storage: {name!r}")
        return path

    def prepare(self) -> str:
        """Create missing directories and the marker of a new storage; returns its id. Blocks.

        Raises: StorageGone for a directory with content but no marker (not a storage, or half a
        mount), StorageFull, StorageReadOnly.
        """
        with wrap_os_errors():
            self.root.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            if not self.marker.exists():
                self._refuse_foreign_content()
                write_marker(self.marker)
            self.courses.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            self.unfinished.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        return self.check()

    def check(self) -> str:
        """Return the id of the storage that is there. Blocks.

        Raises: StorageGone, StorageForeign.
        """
        found = self.identity()
        if self.expected is not None and not found.matches(self.expected):
            raise StorageForeign("another storage, or another database's, stands in its place")
        return found.storage_id

    def identity(self) -> StorageIdentity:
        """Read the identity of the storage there, expected or not. Blocks. Raises: StorageGone."""
        return read_identity(self.marker, self.owner)

    def belonging_to(self, identity: StorageIdentity) -> "StoragePaths":
        """The same paths, bound to that identity."""
        return replace(self, expected=identity)

    def holds_anything(self) -> bool:
        """True if it contains courses or files, unfinished ones and trash included. Blocks.

        Raises: StorageError.
        """
        with wrap_os_errors():
            if self.courses.is_dir() and any(self.courses.iterdir()):
                return True
            places = (self.trash, self.unfinished)
            return any(files for place in places for _, _, files in os.walk(place))

    def _refuse_foreign_content(self) -> None:
        if self.holds_anything() and not self.marker.exists():
            raise StorageGone("the directory is not empty and has no marker")


def _uuid_text(value: UUID) -> str:
    # Unparsed text must not get here, whatever the annotations promise.
    if not isinstance(value, UUID):
        raise InvalidPath(f"not a UUID: {value!r}")
    return str(value)
