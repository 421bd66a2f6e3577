"""The wheel holds the tree's commands and library, all of them and nothing else, and works installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile

import pytest
from afs import __version__
from conftest import ROOT, Shell

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GOOD = b'{"instruction":"Say hi.","output":"hi"}\n'


def tree(*folders):
    """Files below folders of the checkout, as paths relative to it, without what tools leave."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                found.append(path.relative_to(ROOT))
    return found


def scripts():
    return [f"bin/{path.name}" for path in tree("bin")] + ["scripts/afs"]


def test_the_list_of_scripts_is_the_folder():
    listed = SETTINGS["tool"]["setuptools"]["script-files"]
    missing, extra = sorted(set(scripts()) - set(listed)), sorted(set(listed) - set(scripts()))
    assert not missing, "pyproject.toml: add to script-files: " + " ".join(f'"{name}",' for name in missing)
    assert not extra, f"pyproject.toml: take out of script-files: {extra}"
    assert len(listed) == len(set(listed))


def test_every_folder_of_the_library_is_a_package():
    folders = {path.parent for path in tree("lib/afs")}
    missing = [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").exists()]
    assert not missing, "touch " + " ".join(f"{folder}/__init__.py" for folder in missing)


def test_base_dependencies_are_those_of_the_design():
    names = [line.partition(">")[0] for line in SETTINGS["project"]["dependencies"]]
    assert sorted(names) == ["ijson", "jq", "numpy", "orjson", "tqdm", "xxhash", "zstandard"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the tree, without a network."""
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    leave = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("bin", "lib", "scripts", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=leave)
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    done = subprocess.run([*command, "-w", str(out), str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_holds_what_the_tree_holds(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    data = f"afs-{__version__}.data"
    about = {name for name in names if name.startswith(f"afs-{__version__}.dist-info/")}
    wanted = {str(path.relative_to("lib")) for path in tree("lib")}
    wanted |= {f"{data}/scripts/{name.rpartition('/')[2]}" for name in scripts()}
    for folder, patterns in SETTINGS["tool"]["setuptools"]["data-files"].items():
        for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
            wanted.add(f"{data}/data/{folder}/{path.name}")
    pages = {path.name for path in tree("docs/man")}
    assert pages <= {name.rpartition("/")[2] for name in wanted}, "pyproject.toml: data-files lacks docs/man"
    assert sorted(names - about) == sorted(wanted)
    assert any(name.endswith("LICENSE") for name in about)


def test_files_that_are_no_python_come_along(wheel):
    data = [path for path in tree("lib") if path.suffix != ".py"]
    with zipfile.ZipFile(wheel) as archive:
        for path in data:
            assert archive.read(str(path.relative_to("lib"))) == (ROOT / path).read_bytes()


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A Shell in which only the installed commands are on PATH, with this environment's packages."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shell = Shell(tmp_path_factory.mktemp("anywhere"))
    shell.env["PATH"] = f"{folder}/bin:/usr/local/bin:/usr/bin:/bin"
    shell.site = site
    return shell


def test_the_library_is_the_installed_one(installed):
    done = installed.run("python", "-c", "import afs.cli, sys; sys.stdout.write(afs.cli.__file__)")
    assert done.stdout.decode() == str(installed.site / "afs" / "cli.py")


@pytest.mark.parametrize("name", [path.name for path in tree("bin")])
def test_every_command_runs_installed(installed, name):
    done = installed.run(name, "--version")
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"{name} {__version__}\n", b"")
    assert installed.run(name, "--help").returncode == 0
    spoken = name.replace("-", " ").split()
    assert installed.run(*spoken, "--version").stdout == done.stdout


def test_pipes_and_the_dispatcher_work_installed(installed):
    done = installed.bash("afs validate -q | afs-validate -q", stdin=GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, GOOD, b"")
    names = installed.run("afs", "--list").stdout.decode().split()
    assert names == [path.name.removeprefix("afs-") for path in tree("bin")]
    assert installed.run("afs", "--version").stdout.decode() == f"afs {__version__}\n"
    assert installed.run("afs", "no-such-thing").returncode == 127


def test_an_unrelated_lib_folder_beside_the_commands_is_left_alone(installed):
    """PREFIX/lib is somebody else's: it joins the path only where afs lies in it."""
    code = """
import runpy, shutil, sys
before = list(sys.path)
sys.argv = ["afs-validate", "-q"]
try:
    runpy.run_path(shutil.which("afs-validate"), run_name="__main__")
except SystemExit:
    pass
sys.stdout.write(str([path for path in sys.path if path not in before]))
"""
    done = installed.run("python", "-c", code)
    assert done.stdout == b"[]"
