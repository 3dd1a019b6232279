import pytest

from server.web.middlewares import without_person


@pytest.mark.parametrize("user_id", ["ada", "faculty/ada", "a\nda", "data/ada"])
@pytest.mark.parametrize("rest", ["/data", ""])
def test_nothing_of_a_users_id_is_logged(user_id: str, rest: str) -> None:
    assert without_person(f"/api/v1/users/{user_id}{rest}") == f"/api/v1/users/***{rest}"


def test_other_paths_are_logged_as_they_are() -> None:
    assert without_person("/api/v1/courses/c1/order") == "/api/v1/courses/c1/order"
