"""The configuration file: where it is looked for, what may stand in it, who may write it."""

from __future__ import annotations

import pytest
from afs import config
from afs.messages import Usage


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    def write(text, name="own.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return str(path)

    return write


FULL = """
context_root = "~/store"
[exclude]
projects = ["~/work/*"]
conversations = ["one"]
[redact]
rules = ["mine.toml"]
"""


def test_without_a_file_everything_is_empty(write):
    assert config.load(None, {}) == config.Config()


def test_all_keys(write, tmp_path):
    path = write(FULL)
    assert config.load(path, {}) == config.Config(
        path, f"{tmp_path}/store", ("~/work/*",), frozenset({"one"}), (f"{tmp_path}/mine.toml",)
    )


def test_the_option_goes_before_variables_and_those_before_the_home(write):
    named = write("context_root = '/a'", "a.toml")
    first = write("context_root = '/b'", "b.toml")
    second = write("context_root = '/c'", "c.toml")
    write("context_root = '/d'", ".config/afs/config.toml")
    both = {"AFS_CONFIG": first, "AFS_CONFIG_PATH": second}
    assert config.load(named, both).context_root == "/a"
    assert config.load(None, both).context_root == "/b"
    assert config.load(None, {"AFS_CONFIG_PATH": second}).context_root == "/c"
    assert config.load(None, {}).context_root == "/d"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1", "key 'a' is not known"),
        ("[exclude]\nproject = []", r"exclude\.project is not known; known are projects, conversations"),
        ("[exclude]\nprojects = 'x'", r"exclude\.projects must be a list of texts"),
        ("[exclude]\nprojects = ['']", r"exclude\.projects must be a list of texts"),
        ("[redact]\nrules = [1]", r"redact\.rules must be a list of texts"),
        ("exclude = 1", r"exclude must be a table: \[exclude\]"),
        ("context_root = 1", "context_root must be a text"),
        ("[exclude", "is no TOML"),
        (b"\xff", "is no TOML: not UTF-8"),
    ],
)
def test_a_slip_is_an_error(text, message, write):
    with pytest.raises(Usage, match=message):
        config.load(write(text), {})


def test_a_file_that_others_can_write_is_refused(write, tmp_path):
    path = write("")
    (tmp_path / "own.toml").chmod(0o620)
    with pytest.raises(Usage, match=r"others can write it; make it yours alone"):
        config.load(path, {})


def test_a_named_file_must_be_there(write, tmp_path):
    with pytest.raises(Usage, match="no such file or directory"):
        config.load(str(tmp_path / "none.toml"), {})
