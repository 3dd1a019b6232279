"""Writes one image in each requested format and size.

Runs in a sandboxed child.
"""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from storage.errors import wrap_os_errors
from storage.hashes import sha256_file
from storage.media.facts import Picture, PictureKind
from storage.pictures.stills import fitting_height


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """Pillow's parameters for one format."""

    pillow_name: str
    quality_ratio: float
    """Multiplies the requested quality, which is on JPEG's scale: AVIF needs a lower number."""
    options: dict[str, int]


FORMATS: dict[PictureKind, PictureFormat] = {
    "jpg": PictureFormat("JPEG", 1, {"optimize": True, "progressive": True}),
    "webp": PictureFormat("WEBP", 1, {"method": 4}),
    # A slower search saves a tenth of the bytes and costs eight times the time.
    "avif": PictureFormat("AVIF", 0.8, {"speed": 8, "max_threads": 1}),
}


def write_pictures(
    image: Image.Image,
    sizes: list[tuple[str, int]],
    quality: int,
    out_dir: Path,
    kinds: list[PictureKind],
) -> list[Picture]:
    """Write each (name, width in pixels) as `out_dir`/name.kind. Raises: StorageFull."""
    return [
        _write(image, name, width_px, quality, out_dir, kind)
        for kind in kinds
        for name, width_px in sizes
    ]


def _write(
    image: Image.Image, name: str, width_px: int, quality: int, out_dir: Path, kind: PictureKind
) -> Picture:
    file, form = out_dir / f"{name}.{kind}", FORMATS[kind]
    size = (width_px, fitting_height(width_px, image.width, image.height))
    scaled = image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
    with wrap_os_errors():
        form_quality = max(1, round(quality * form.quality_ratio))
        scaled.save(file, form.pillow_name, quality=form_quality, **form.options)
        size_bytes = file.stat().st_size
    return Picture(
        name=name,
        file=file,
        extension=kind,
        width_px=size[0],
        height_px=size[1],
        size_bytes=size_bytes,
        sha256=sha256_file(file),
    )
