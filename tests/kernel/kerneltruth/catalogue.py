"""The list of scenarios: each is a function of a Play, registered under its own name.

    @scenario("ordinary", "the client closes first, four segments")
    def close_client_first(play): ...

Keyword arguments of the decorator other than `variants` and `views` build the Play: family, legs, sysctls.
"""

import importlib
import pkgutil
from dataclasses import dataclass, field

PLAIN = {"tcp_timestamps": 0, "tcp_sack": 0}
# Variants of a scenario: IPv6, and a TCP without timestamps and SACK.
VARIANTS = {
    "v4": {},
    "v6": {"family": 6},
    "plain": {"sysctls": PLAIN},
    "nots": {"sysctls": {"tcp_timestamps": 0}},
    "nosack": {"sysctls": {"tcp_sack": 0}},
    "near-a": {"legs": (0.0002, 0.006)},
    "near-b": {"legs": (0.006, 0.0002)},
}
CATEGORIES = ("ordinary", "random", "forged", "scripted")


@dataclass
class Scenario:
    name: str
    category: str
    about: str
    call: object
    arguments: dict = field(default_factory=dict)
    variants: tuple = ("v4",)
    views: tuple = ()

    def runs(self):
        """(name, arguments of Play) of each run."""
        for variant in self.variants:
            extra = VARIANTS[variant]
            sysctls = {**extra.get("sysctls", {}), **self.arguments.get("sysctls", {})}
            yield (self.name if variant == "v4" else f"{self.name}.{variant}",
                   {**extra, **self.arguments, "sysctls": sysctls})


SCENARIOS = []


def scenario(category, about, variants=("v4",), views=(), name=None, **arguments):
    def register(call):
        assert category in CATEGORIES
        SCENARIOS.append(Scenario((name or call.__name__).replace("_", "-"), category, about, call, arguments,
                                  variants, views))
        return call
    return register


def load(package="scenarios"):
    for module in sorted(pkgutil.iter_modules(importlib.import_module(package).__path__), key=lambda m: m.name):
        importlib.import_module(f"{package}.{module.name}")
    names = [s.name for s in SCENARIOS]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    return SCENARIOS
