"""Where the files of Gemini CLI lie, what each is by its place and name, and which belong together."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any

import orjson

from afs.logs.gemini.read import session_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PROJECTS, _ROOT = "projects.json", ".project_root"
OUTPUTS, _STATES = "tool-outputs", "checkpoints"
_SESSION = re.compile(r".*\.jsonl?(?:\.gz|\.zst)?\Z", re.S)
_LEFT = re.compile(r".*\.jsonl?\.(?:tmp|unreadable)-\d+\Z", re.S)
_SAVED = re.compile(r"checkpoint-.*\.json\Z", re.S)
_PROMPTS = re.compile(r"logs\.json(?:\..*\.bak)?\Z", re.S)
_SHORT = re.compile(r"session-.*-([^-.]{8})\.jsonl?(?:\..*)?\Z", re.S)
_NOT_PROJECTS = frozenset({"bin"})
_MOST_PROJECTS = 16 << 20
_DEEPEST = 3


# --- finding ----------------------------------------------------------------------------------------------


def find(root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
    """The files of each session, oldest first; those of a project with saved chats in one group.

    Each group also holds its sub-agents' files, tool outputs, and what tells the project's folder. A
    root may also be the folder of one project, or `tmp`. Links out of it are not followed. A folder that
    cannot be read is given to `failed`.
    """
    top = os.path.join(root, "tmp") if os.path.isdir(os.path.join(root, "tmp")) else root
    top = os.path.dirname(top.rstrip("/")) if os.path.basename(top.rstrip("/")) == "chats" else top
    inside = os.path.realpath(top) + os.sep
    folders = [top] if os.path.isdir(os.path.join(top, "chats")) else _folders(top, failed)
    index = os.path.join(root, _PROJECTS)
    index = index if os.path.isfile(index) else ""
    groups: dict[str, list[str]] = {}
    joined: dict[str, str] = {}

    def name_of(key: str) -> str:
        while key in joined:
            key = joined[key]
        return key

    for folder in folders:
        mine: list[str] = []
        for path in _files(folder, failed):
            if os.path.realpath(path).startswith(inside):
                key = key_of(path, folder)
                groups.setdefault(key, []).append(path)
                mine.append(key)
                own = os.path.basename(path)[:8] if below_chats(path) else key
                if name_of(own) != name_of(key):  # where the outputs of a sub-agent's tools are
                    joined[name_of(own)] = name_of(key)
        beside = [os.path.join(folder, _ROOT)]
        beside = beside if os.path.isfile(beside[0]) else [index] if index else []
        for key in dict.fromkeys(mine):
            groups[key] += beside
        saved = [key for key in mine if key.startswith("/")]
        for key in (
            key for key in mine if saved and key[0] != ":"
        ):  # the chats tell which turns of a saved chat are copies
            if name_of(key) != name_of(saved[0]):
                joined[name_of(key)] = name_of(saved[0])
    found: dict[str, list[str]] = {}
    for key, paths in groups.items():
        found.setdefault(name_of(key), []).extend(paths)
    made = [sorted(set(paths), key=order) for paths in found.values()]
    sessions = [paths for paths in made if kind_of(paths[0]) not in ("beside", "output")]
    return sorted(sessions, key=lambda paths: order(paths[0]))


def _folders(top: str, failed: Callable[[OSError], None] | None) -> list[str]:
    try:
        with os.scandir(top) as rows:
            return sorted(row.path for row in rows if row.is_dir() and row.name not in _NOT_PROJECTS)
    except OSError as error:
        if failed is not None:
            failed(error)
        return []


def _files(folder: str, failed: Callable[[OSError], None] | None) -> Iterator[str]:
    """The files of a project that are read or named; nothing else in its folder is touched."""
    for name in ("chats", OUTPUTS, _STATES):
        top = os.path.join(folder, name)
        if not os.path.isdir(top):
            continue
        for place, below, names in os.walk(top, onerror=failed):
            below.sort()
            for one in sorted(names):
                path = os.path.join(place, one)
                if os.path.isfile(path) and kind_of(path):
                    yield path
    try:
        with os.scandir(folder) as rows:
            names = sorted(row.name for row in rows if row.is_file())
    except OSError as error:
        if failed is not None:
            failed(error)
        return
    for one in names:
        if _SAVED.match(one) or _PROMPTS.match(one):
            yield os.path.join(folder, one)


def kind_of(path: str) -> str:
    """What a file is by its place and name; "" for one that is none of ours."""
    name = os.path.basename(path)
    folders = path.split(os.sep)[:-1]
    if name in (_ROOT, _PROJECTS):
        return "beside"
    if len(folders) > 1 and folders[-2] == OUTPUTS:
        return "output" if name.endswith(".txt") else ""
    if folders and folders[-1] == _STATES:
        return "state" if name.endswith(".json") else ""
    if _PROMPTS.match(name):
        return "prompts"
    if _LEFT.match(name):
        return "left"
    if _SAVED.match(name):
        return "saved"
    return "session" if _SESSION.match(name) or not folders or "chats" not in folders else ""


def key_of(path: str, folder: str) -> str:
    """What the files of a session have in common: the beginning of its id. Saved chats: the project."""
    kind, name, place = kind_of(path), os.path.basename(path), os.path.basename(os.path.dirname(path))
    if kind in ("saved", "state"):
        return "/" + folder
    if kind == "prompts":
        return ":" + path
    if kind == "output":
        return place.removeprefix("session-")[:8]
    if below := below_chats(path):  # a sub-agent lies in a folder that its parent names
        return below[:8]
    match = _SHORT.match(name)
    return match[1] if match else name.partition(".")[0]


def below_chats(path: str) -> str:
    """The folder below `chats` in which a sub-agent's file lies; "" for another."""
    folders = path.split(os.sep)[:-1]
    if "chats" not in folders[:-1]:
        return ""
    return folders[len(folders) - folders[::-1].index("chats")]


def order(path: str) -> tuple[int, bool, str, str]:
    """What files are sorted by: sessions by their names, which begin with the time, sub-agents behind."""
    kinds = ("session", "left", "saved", "state", "prompts", "output", "beside")
    return kinds.index(kind_of(path) or "session"), bool(below_chats(path)), os.path.basename(path), path


# --- what a file is about ---------------------------------------------------------------------------------


def glance(path: str) -> tuple[str, str]:
    """(session id, working folder), from the first bytes of a file, its name and its neighbours."""
    kind = kind_of(path)
    name = ""
    if kind == "output":
        name = os.path.basename(os.path.dirname(path)).removeprefix("session-")
    elif kind in ("session", "left"):
        name = session_id(path)
    folder = os.path.dirname(path)
    for _ in range(_DEEPEST):
        if os.path.isdir(os.path.join(folder, "chats")) or os.path.isfile(os.path.join(folder, _ROOT)):
            index = os.path.join(os.path.dirname(os.path.dirname(folder)), _PROJECTS)
            return name, Places([os.path.join(folder, _ROOT), index]).of(folder)
        folder = os.path.dirname(folder)
    return name, ""


class Places:
    """The working folders that files beside the sessions name."""

    def __init__(self, files: list[str]) -> None:
        self._told: dict[str, str] = {}
        self._slugs: dict[str, str] = {}
        for path in files:
            name = os.path.basename(path)
            if name == _ROOT:
                self._told[os.path.dirname(path)] = _text(path)
            elif name == _PROJECTS:
                self._slugs |= _slugs(path)

    def of(self, folder: str, named: str = "", candidates: list[str] | None = None) -> str:
        """The working folder of a project's folder; `named` is the hash of it that a session tells."""
        if told := self._told.get(folder):
            return told
        name = os.path.basename(folder)
        places: list[str] = [*self._slugs, *(candidates or [])]
        for place in places:
            if hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest() in (name, named):
                return place
        return next((place for place, slug in self._slugs.items() if slug == name), "")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16).strip()
    except OSError:
        return ""


def _slugs(index: str) -> dict[str, str]:
    """{project's folder: its short name} of projects.json."""
    try:
        with open(index, "rb") as file:
            found = orjson.loads(file.read(_MOST_PROJECTS))
    except (OSError, ValueError):
        return {}
    projects = found.get("projects") if type(found) is dict else None
    rows: dict[str, Any] = projects if type(projects) is dict else {}
    return {place: slug for place, slug in rows.items() if type(slug) is str}


def project_of(path: str) -> str:
    """The project's folder in which a session or saved chat lies."""
    folders = path.split(os.sep)
    for name in ("chats", _STATES):
        if name in folders[:-1]:
            return os.sep.join(folders[: len(folders) - 1 - folders[::-1].index(name)])
    return os.path.dirname(path)
