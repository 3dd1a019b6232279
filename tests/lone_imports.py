"""Imports each module in a fresh state: a program, given the modules, imported ones first.

A module's own code runs once, with nothing loaded but what it imports itself. To later ones it is
given as it is, with all that it had loaded: they would make it the same again, only slower.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType


class KnownModules(MetaPathFinder, Loader):
    """Modules that were imported alone. Packages are made anew, and hold what is loaded."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages
        self._modules: dict[str, ModuleType] = {}
        self._loaded: dict[str, list[str]] = {}

    def learn(self, name: str) -> None:
        """Import a module alone. Raises: whatever it raises."""
        module = import_module(name)
        loaded = [one for one in sys.modules if one.partition(".")[0] in self._packages]
        if not hasattr(module, "__path__"):
            self._modules[name] = module
            self._loaded[name] = [one for one in loaded if one != name]
        for one in loaded:
            del sys.modules[one]

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name in self._modules else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        for name in self._loaded[module.__name__]:
            import_module(name)


def main(names: Sequence[str]) -> None:
    known = KnownModules(sorted({name.partition(".")[0] for name in names}))
    sys.meta_path.insert(0, known)
    for name in names:
        known.learn(name)


if __name__ == "__main__":
    main(sys.argv[1:])
