import importlib
import pkgutil

import pytest

import server
from db.errors import DatabaseError, DatabaseUnavailable
from server.errors import FAULTS, OperatorError, sentence

# Each is caught below the commands, or answers a request.
HANDLED_WITHIN = {"NotADemo", "ReadableByOthers", "Unanswered", "_PasswordWanted"}


def test_each_error_of_the_server_is_the_operators_or_handled_within() -> None:
    found = set()
    for module in pkgutil.walk_packages(server.__path__, "server."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Exception):
                found.add(value)
    own = {kind for kind in found if kind.__module__.startswith("server.")}

    assert {kind.__name__ for kind in own if not issubclass(kind, OperatorError)} == HANDLED_WITHIN


def test_no_family_of_faults_is_within_another() -> None:
    assert all(one is other or not issubclass(one, other) for one in FAULTS for other in FAULTS)


@pytest.mark.parametrize(
    ("fault", "cause", "said"),
    [
        pytest.param(
            DatabaseError(),
            Exception("permission denied\nLINE 1: SELECT 'hunter2'"),
            "The database refused a statement. (permission denied)",
            id="its cause alone has a reason",
        ),
        pytest.param(
            DatabaseUnavailable(),
            TimeoutError(),
            "The database cannot be reached.",
            id="a cause without words",
        ),
        pytest.param(DatabaseError("no role"), Exception("why"), "no role", id="a reason given"),
        pytest.param(OperatorError("sorry"), Exception("why"), "sorry", id="another family"),
    ],
)
def test_sentence_says_why(fault: Exception, cause: Exception, said: str) -> None:
    fault.__cause__ = cause
    assert sentence(fault) == said
