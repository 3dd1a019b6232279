"""Signatures against published vectors and the CDNs' own code."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1

from handlers.access.signatures.cdn_signatures import (
    BunnyToken,
    CloudFrontCookies,
    HmacLink,
    SecureLink,
    bunny_token,
)

VIDEO = UUID("0b7e3f60-7d7a-4f0e-9d4a-6f6f1c2b3a4d")
EXPIRES = 1_900_000_000
KEY = "a key of an edge, thirty-two bytes"
FROM_CLOUDFRONT = str.maketrans("-_~", "+=/")


def test_a_secure_link_is_as_openssl_computes_it() -> None:
    """`printf '%s/%s %s' EXPIRES VIDEO KEY | openssl md5 -binary | base64 | tr +/ -_ | tr -d =`,
    as nginx documents it; that nginx admits it is tested with nginx itself."""
    place = SecureLink(KEY).sign(VIDEO, EXPIRES)

    assert place.path == f"/c/1900000000/cG0M4Qfpi1Fx3IrhoOddQA/{VIDEO}/"
    assert place.cookies == {}


def test_an_hmac_link_is_as_openssl_computes_it() -> None:
    """`printf '%s\\n%s' VIDEO EXPIRES | openssl dgst -sha256 -hmac KEY -binary | base64`, ..."""
    place = HmacLink(KEY).sign(VIDEO, EXPIRES)

    assert place.path == f"/c/1900000000/2_BWARwrMG_mhLlr04P3svRhqnJ4l3fk5zqq2IA7wTU/{VIDEO}/"


def test_a_bunny_token_equals_the_published_vector() -> None:
    """`TestDirectoryAndPathAllowed` and `path_only` of BunnyWay/BunnyCDN.TokenAuthentication."""
    assert bunny_token("SecurityKey", "/abc", 1598024587) == (
        "bcdn_token=HS256-uVZvT3SbEoVKYJyDJgbcsDmSFf73cv-uNUVaJiKWpbQ"
        "&token_path=%2Fabc&expires=1598024587"
    )


def test_bunny_opens_the_directory_of_one_video() -> None:
    path = BunnyToken(KEY).sign(VIDEO, EXPIRES).path

    token = bunny_token(KEY, f"/media/{VIDEO}/", EXPIRES)
    assert path == f"/{token}/media/{VIDEO}/"
    assert f"&token_path=%2Fmedia%2F{VIDEO}%2F&" in path


@pytest.fixture(scope="module")
def cloudfront() -> CloudFrontCookies:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return CloudFrontCookies("https://cdn.example.org", "K2JCJMDEHXQW5F", key)


def test_cloudfront_cookies_are_as_botocore_signs_them(cloudfront: CloudFrontCookies) -> None:
    def sign(message: bytes) -> bytes:
        return cloudfront.key.sign(message, padding.PKCS1v15(), SHA1())

    signer = CloudFrontSigner(cloudfront.key_id, sign)
    resource = f"https://cdn.example.org/media/{VIDEO}/*"
    policy = signer.build_policy(resource, datetime.fromtimestamp(EXPIRES, UTC)).encode()

    place = cloudfront.sign(VIDEO, EXPIRES)

    assert place.path == f"/media/{VIDEO}/"
    assert place.cookies == {
        "CloudFront-Policy": signer._url_b64encode(policy).decode(),
        "CloudFront-Signature": signer._url_b64encode(sign(policy)).decode(),
        "CloudFront-Key-Pair-Id": "K2JCJMDEHXQW5F",
    }


def test_cloudfront_cookies_verify_by_the_public_key(cloudfront: CloudFrontCookies) -> None:
    cookies = cloudfront.sign(VIDEO, EXPIRES).cookies

    policy, signature = (
        base64.b64decode(cookies[f"CloudFront-{name}"].translate(FROM_CLOUDFRONT))
        for name in ("Policy", "Signature")
    )
    cloudfront.key.public_key().verify(signature, policy, padding.PKCS1v15(), SHA1())
    assert json.loads(policy)["Statement"] == [
        {
            "Resource": f"https://cdn.example.org/media/{VIDEO}/*",
            "Condition": {"DateLessThan": {"AWS:EpochTime": EXPIRES}},
        }
    ]


@pytest.mark.parametrize("form", [SecureLink, HmacLink, BunnyToken])
def test_a_key_is_never_shown(form: type[SecureLink]) -> None:
    assert KEY not in repr(form(KEY))
