"""Content security policies of the pages: their own files alone, nothing inline, framed by nobody.

The player's pages may load media from anywhere, since lectures may still play from S3 at a host
that the page does not know, and from blobs, by which Media Source Extensions feed a `<video>`.
Thumbnails are blobs because `<img>` cannot send a token. No text may become HTML (Trusted Types).
"""

from collections.abc import Sequence
from dataclasses import dataclass

WATCH_PAGE = "watch.html"
EMBED_PAGE = "embed.html"
STUDIO_PAGE = "studio.html"
WITH_PLAYER = (WATCH_PAGE, EMBED_PAGE, STUDIO_PAGE)


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of each page.

    Pages of `embedding_origins` may frame the embedded player; `media_origin` is where media stand,
    if not here.
    """

    embedding_origins: Sequence[str] = ()
    media_origin: str = ""

    def of(self, name: str) -> str:
        own = f"'self' {self.media_origin}".strip()
        anywhere = " http: https:" if name in WITH_PLAYER else ""
        ancestors = " ".join(self.embedding_origins) if name == EMBED_PAGE else ""
        framed_by = ancestors or "'none'"
        return (
            f"default-src 'self'; img-src {own} blob:; media-src {own} blob:{anywhere}; "
            f"connect-src {own}; object-src 'none'; base-uri 'none'; form-action 'self'; "
            f"require-trusted-types-for 'script'; frame-ancestors {framed_by}"
        )
