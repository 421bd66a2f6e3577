"""The optional configuration file: where the context store lies, what is never exported, rules of one's own.

    context_root = "~/.context"
    [exclude]
    projects = ["~/work/client-*"]        # patterns as --exclude-project takes them
    conversations = ["3f0c1a52-7b1e-4c9d-9a10-0000000000a1"]
    [redact]
    rules = ["~/.config/afs/rules.toml"]  # files as --rules takes them; nothing in here can lower redaction
    [score]
    relevance = 0.5                       # weights of afs-score, in every profile
    [score.code]
    code = 3                              # the same for one profile

It is --config FILE, else $AFS_CONFIG or $AFS_CONFIG_PATH, else ~/.config/afs/config.toml. A file that
others can write is refused: it decides what leaves a private log. A key that is not known is an error,
because a slip in [exclude] would export what must stay.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from afs.messages import fail, reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = ("AFS_CONFIG", "AFS_CONFIG_PATH")
_KEYS = {
    "exclude": ("projects", "conversations"),
    "redact": ("rules",),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says; everything is empty where there is none. Paths are absolute."""

    path: str = ""
    context_root: str = ""
    excluded_projects: tuple[str, ...] = ()
    excluded_conversations: frozenset[str] = frozenset()
    rules: tuple[str, ...] = ()
    score: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by profile; "" is every one


def load(named: str | None, environ: Mapping[str, str] | None = None) -> Config:
    """The configuration. A file that was named and cannot be used is a usage error."""
    environ = os.environ if environ is None else environ
    path = named or next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    if not path:
        path = os.path.join(os.path.expanduser("~"), ".config", "afs", "config.toml")
        if not os.path.lexists(path):
            return Config()
    return _checked(path, _read(path))


def _read(path: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_mode & 0o022 or found.st_uid not in (0, os.geteuid()):
                fail(f"{path}: others can write it; make it yours alone: chmod go-w")
            return tomllib.load(file)
    except OSError as error:
        fail(f"{path}: {reason_of(error)}")
    except tomllib.TOMLDecodeError as error:
        fail(f"{path}: is no TOML: {error}")
    except UnicodeDecodeError:
        fail(f"{path}: is no TOML: not UTF-8")


def _checked(path: str, found: dict[str, Any]) -> Config:
    for name, value in found.items():
        if name == "context_root":
            if not isinstance(value, str):
                fail(f"{path}: context_root must be a text")
        elif name == "score":
            continue
        elif name not in _KEYS:
            fail(f"{path}: key {name!r} is not known; known are context_root, {', '.join(_KEYS)}, score")
        elif not isinstance(value, dict):
            fail(f"{path}: {name} must be a table: [{name}]")
        else:
            _check_table(path, name, value)
    exclude, redact = found.get("exclude", {}), found.get("redact", {})
    folder = os.path.dirname(os.path.abspath(path))
    return Config(
        path,
        _absolute(found.get("context_root", ""), folder),
        tuple(exclude.get("projects", ())),
        frozenset(exclude.get("conversations", ())),
        tuple(_absolute(rules, folder) for rules in redact.get("rules", ())),
        _weights(path, found.get("score", {})),
    )


def _check_table(path: str, name: str, table: dict[str, Any]) -> None:
    for key, value in table.items():
        if key not in _KEYS[name]:
            fail(f"{path}: {name}.{key} is not known; known are {', '.join(_KEYS[name])}")
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            fail(f"{path}: {name}.{key} must be a list of texts")


def _weights(path: str, table: Any) -> dict[str, dict[str, float]]:
    """Weights by profile. Which names there are is checked by afs-score, which knows them."""
    if not isinstance(table, dict):
        fail(f"{path}: score must be a table: [score]")
    profiles = {"": {key: value for key, value in table.items() if not isinstance(value, dict)}}
    profiles |= {key: value for key, value in table.items() if isinstance(value, dict)}
    for profile, weights in profiles.items():
        for key, value in weights.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                where = ".".join(part for part in ("score", profile, key) if part)
                fail(f"{path}: {where} must be a number from 0")
    return {profile: weights for profile, weights in profiles.items() if weights}


def _absolute(path: str, folder: str) -> str:
    """A path of the file: from the home with ~, else from the folder of the file."""
    return os.path.join(folder, os.path.expanduser(path)) if path else ""
