"""A setting's value that must not be seen; how the others are read, `test_config` tells."""

from server.config.values import Secret


def test_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hunter2")

    assert f"{secret} {secret!r}" == "'***' '***'"
    assert secret.reveal() == "hunter2"


def test_secrets_are_the_same_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert not Secret("")
