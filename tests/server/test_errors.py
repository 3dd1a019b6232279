import importlib
import pkgutil

import server
from server.errors import FAULTS, OperatorError

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
