#!/usr/bin/env bats
# scripts/afs-venv on a small checkout, with packages made here: no index is asked.

load helper

setup_file() {
    export STOCK="$BATS_FILE_TMPDIR/stock"
    mkdir -p "$STOCK/wheels"
    make_wheel apple 1.0 "$STOCK/wheels"
    make_wheel apple 2.0 "$STOCK/wheels"
    make_wheel pear 1.5 "$STOCK/wheels"
    export PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$STOCK/wheels" PIP_NO_CACHE_DIR=1
    unset PIP_CONSTRAINT PIP_REQUIRE_VIRTUALENV PIP_USER PIP_TARGET VIRTUAL_ENV AFS_VENV AFS_VENV_EXTRAS AFS_PYTHON
    cd "$BATS_FILE_TMPDIR"
    make_checkout stock/checkout
    stock/checkout/scripts/afs-venv >stock/first-run
}

# A wheel with one module, made by hand: building needs tools, a wheel is a zip file.
make_wheel() { # NAME VERSION FOLDER
    python3 - "$@" <<'END'
import sys, zipfile
name, version, folder = sys.argv[1:]
info = f"{name}-{version}.dist-info"
files = {
    f"{name}.py": f"version = {version!r}\n",
    f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
}
files[f"{name}.py"] += f"def main(): print({name!r}, version)\n"
files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
END
}

make_checkout() { # FOLDER
    local root
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    mkdir -p "$1/scripts" "$1/bin" "$1/lib/afs"
    cp "$root"/scripts/{afs,afs-venv,mend-venv} "$1/scripts"
    printf '__version__ = "7.8.9"\n' | tee "$1/lib/afs/__init__.py" >"$1/lib/afs/cli.py"
    printf '#!/usr/bin/env python3\nimport afs, apple\nprint(afs.__version__, apple.version)\n' >"$1/bin/afs-one"
    chmod +x "$1/bin/afs-one"
    cat >"$1/pyproject.toml" <<'END'
[project]
name = "afs"
dependencies = ["apple>=1"]

[project.optional-dependencies]
more = ["pear>=1"]
large = ["pear>=1"]

[tool.afs-venv.megabytes]
more = 500
large = 501
END
    printf '# pins\napple==1.0\n' >"$1/constraints.txt"
}

# The stock checkout with its environment in ./checkout. It was moved here, so one run mends its paths.
take_checkout() {
    cp -R "$STOCK/checkout" checkout
    checkout/scripts/afs-venv >moved
}

versions() { checkout/.venv/bin/python3 -m pip list --format=freeze | grep -vE '^(pip|setuptools|wheel)='; }

everything() { find checkout/.venv -printf '%p %l %s %T@\n' 2>/dev/null | sort || ls -lR checkout/.venv; }

@test "it makes the environment and says what it did" {
    checkout=$(cd -P "$STOCK/checkout" && pwd)
    text=$(cat "$STOCK/first-run")
    [[ $text == *"afs-venv: made $checkout/.venv with Python 3."* ]]
    [[ $text == *"afs-venv: linked 2 of 2 commands into $checkout/.venv/bin"* ]]
    [[ $text == *"afs-venv: wrote $checkout/.venv/lib/python3."*"/site-packages/afs-checkout.pth"* ]]
    [[ $text == *"afs-venv: installing the base; this may take minutes"*"afs-venv: installed apple-1.0" ]]
    PATH=$checkout/.venv/bin:$PATH
    cd /
    run --separate-stderr -0 afs-one
    [ "$output" = "7.8.9 1.0" ]
    run --separate-stderr -0 afs one
    [ "$output" = "7.8.9 1.0" ]
    run --separate-stderr -0 afs --python
    [ "$output" = "$checkout/.venv/bin/python3" ]
}

@test "the version in constraints.txt is taken, also from a newer one that is there" {
    take_checkout
    [ "$(versions)" = apple==1.0 ]
    checkout/.venv/bin/python3 -m pip install -q apple==2.0
    run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"installed apple-1.0"* ]]
    [ "$(versions)" = apple==1.0 ]
}

@test "a second run changes nothing and asks no index" {
    take_checkout
    everything >before
    unset PIP_NO_INDEX PIP_FIND_LINKS
    export PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_RETRIES=0
    run --separate-stderr -0 checkout/scripts/afs-venv
    [ "$output" = "afs-venv: $PWD/checkout/.venv has all of the base" ]
    everything | diff before -
}

@test "extras come from AFS_VENV_EXTRAS, and one of more than 500 MB is announced first" {
    take_checkout
    AFS_VENV_EXTRAS=' more ,large' run --separate-stderr -0 checkout/scripts/afs-venv
    [ "${lines[0]}" = "afs-venv: large takes about 501 MB" ]
    [[ ${lines[1]} == *"installing the base, more, large;"* ]]
    [[ ${lines[2]} == *"installed pear-1.5" ]]
    [ "${#lines[@]}" -eq 3 ]
    AFS_VENV_EXTRAS=large run --separate-stderr -0 checkout/scripts/afs-venv
    [ "$output" = "afs-venv: $PWD/checkout/.venv has all of the base, large" ]
}

@test "an unknown extra is wrong usage, and nothing is made" {
    make_checkout checkout
    AFS_VENV_EXTRAS=more,mroe run --separate-stderr -2 checkout/scripts/afs-venv
    [ -z "$output" ]
    [ "$stderr" = "afs-venv: unknown extra mroe in AFS_VENV_EXTRAS; known: large, more" ]
    [ ! -e checkout/.venv ]
}

@test "an argument is wrong usage; --help is the comment" {
    run --separate-stderr -2 afs-venv --nope
    [[ $stderr == "afs-venv: unknown argument --nope; "* ]]
    run --separate-stderr -2 afs-venv ''
    run --separate-stderr -0 afs-venv --help
    [[ $output == "afs-venv - make or mend the virtual environment of this checkout"* ]]
    [[ $output != *"set -euo"* ]]
}

@test "a Python that is too old, incomplete or missing: the remedy" {
    make_checkout checkout
    mkdir fake
    # Answers as Python 3.8 would.
    printf '#!/bin/sh\ncase $2 in *print*) echo 3.8 ;; *) exit 1 ;; esac\n' >fake/old
    # A new Python without the venv module, as some distributions part it.
    printf '#!/bin/sh\ncase $2 in *ensurepip*) exit 1 ;; *) exec python3 "$@" ;; esac\n' >fake/part
    printf '#!/bin/sh\nexit 3\n' >fake/broken
    chmod +x fake/*
    AFS_PYTHON=$PWD/fake/old run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == "afs-venv: $PWD/fake/old is Python 3.8, too old; "*(set AFS_PYTHON=python3.1?|install Python 3.11 or newer) ]]
    AFS_PYTHON=$PWD/fake/part run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == *"has no venv module; install the package that has it (python3-venv on "* ]]
    AFS_PYTHON=$PWD/fake/broken run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == *"broken does not run; "* ]]
    AFS_PYTHON=$PWD/fake/gone run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == *"gone is not an executable file; "* ]]
    [ ! -e checkout/.venv ]
    printf '#!/bin/sh\n[ "$2" = "" ]\n' >fake/python3.13
    chmod +x fake/python3.13
    PATH=$PWD/fake:$PATH AFS_PYTHON=old run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == *"too old; set AFS_PYTHON=python3.1"[34] ]]
}

@test "a folder that is no environment is left alone" {
    make_checkout checkout
    mkdir mine && touch mine/letter plain
    AFS_VENV=mine run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == *"/mine is not empty and no virtual environment; name another with AFS_VENV" ]]
    [ "$(ls -A mine)" = letter ]
    AFS_VENV=plain run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == *"/plain is not a folder; "* ]]
}

@test "AFS_VENV names another place" {
    cp -R "$STOCK/checkout" 'a checkout'
    mkdir new && mv 'a checkout/.venv' 'new/a place'
    AFS_VENV='new/a place' run --separate-stderr -0 'a checkout/scripts/afs-venv'
    [[ $output == *"mended the scripts of $PWD/new/a place"*"has all of the base" ]]
    [ ! -e 'a checkout/.venv' ]
    run --separate-stderr -0 'new/a place/bin/afs' --exec-path
    [ "$output" = "$(cd -P 'a checkout/bin' && pwd)" ]
    run --separate-stderr -0 env AFS_VENV='new/a place' 'new/a place/bin/afs' one
    [ "$output" = "7.8.9 1.0" ]
}

@test "what was interrupted or broken is mended" {
    take_checkout
    site=$(echo checkout/.venv/lib/python3.*/site-packages)

    rm "$site"/apple-1.0.dist-info/INSTALLER "$site/apple.py" # pip was killed on the way
    run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"removed the half-installed apple-1.0.dist-info"*"installed apple-1.0"* ]]

    rm -r "$site/pip/_internal" "$site/apple-1.0.dist-info"
    run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"pip was broken or missing; brought it back"*"installed apple-1.0"* ]]

    rm checkout/.venv/bin/activate
    run --separate-stderr -0 checkout/scripts/afs-venv
    [ -s checkout/.venv/bin/activate ]

    rm checkout/.venv/bin/python*
    run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"made $PWD/checkout/.venv anew with Python 3."*"installed apple-1.0"* ]]
    [ "$(PATH=$PWD/checkout/.venv/bin:$PATH afs-one)" = "7.8.9 1.0" ]
    mv checkout elsewhere # it knows again where it was made
    run --separate-stderr -0 elsewhere/scripts/afs-venv
    [ "$(elsewhere/.venv/bin/apple)" = "apple 1.0" ]
}

@test "a moved checkout gets its own paths again" {
    cp -R "$STOCK/checkout" checkout
    run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"mended the scripts of $PWD/checkout/.venv, which was moved or interrupted"* ]]
    [[ $output == *"linked 2 of 2 commands"*"afs-checkout.pth"*"has all of the base" ]]
    [ "$(checkout/.venv/bin/apple)" = "apple 1.0" ]
    mv checkout 'new place'
    run --separate-stderr -0 'new place/scripts/afs-venv'
    [ "$('new place/.venv/bin/apple')" = "apple 1.0" ]
    [ "$(. 'new place/.venv/bin/activate' && cd / && afs-one && type -P afs)" = "7.8.9 1.0"$'\n'"$PWD/new place/.venv/bin/afs" ]
    mv 'new place' checkout
    run --separate-stderr -0 checkout/scripts/afs-venv
    [ "$(head -n 1 checkout/.venv/bin/apple)" = "#!$PWD/checkout/.venv/bin/python3" ]
    ! grep -rI "new place" checkout/.venv || return 1
}

@test "links follow the commands; others' files stay" {
    take_checkout
    mv checkout/bin/afs-one checkout/bin/afs-two
    touch checkout/bin/afs-two~
    touch checkout/.venv/bin/afs-own
    ln -s /etc/passwd checkout/.venv/bin/afs-other
    run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"linked 1 of 2 commands"*"removed the dead link $PWD/checkout/.venv/bin/afs-one"* ]]
    [ "$(cd checkout/.venv/bin && ls -d afs*)" = $'afs\nafs-other\nafs-own\nafs-two' ]
    rm checkout/.venv/bin/afs-two
    touch checkout/.venv/bin/afs-two
    run --separate-stderr -2 checkout/scripts/afs-venv
    [[ $stderr == *"/bin/afs-two is an installed copy; run: "*"pip uninstall afs" ]]
}

@test "pip's failure is 4, and the next run goes on from there" {
    take_checkout
    AFS_VENV_EXTRAS=more PIP_FIND_LINKS=/gone run --separate-stderr -4 checkout/scripts/afs-venv
    [[ $stderr == *"afs-venv: pip could not install everything, see above; "* ]]
    AFS_VENV_EXTRAS=more run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"installed pear-1.5"* ]]
}

@test "two at once follow each other" {
    make_checkout checkout
    checkout/scripts/afs-venv >one 2>&1 3>&- &
    checkout/scripts/afs-venv >two 2>&1 3>&- &
    wait
    cat one two
    [ "$(cat one two | grep -c ': made ')" -eq 1 ]
    [ "$(cat one two | grep -c ': installed apple-1.0')" -eq 1 ]
    [ "$(cat one two | grep -c 'has all of the base')" -eq 1 ]
    [ "$(versions)" = apple==1.0 ]
}

@test "interrupted: 130 and one line" {
    take_checkout
    run -0 python3 - <<'END'
import fcntl, signal, subprocess
with open("checkout/.venv/.afs-venv", "a") as mark:
    fcntl.flock(mark, fcntl.LOCK_EX)
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background begins with it ignored
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    run = subprocess.Popen("checkout/scripts/afs-venv", **pipes)
    assert run.stdout.readline() == "afs-venv: waiting for another afs-venv\n"
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
assert (run.returncode, out, err) == (130, "", "afs-venv: interrupted; run it again to go on\n"), (run.returncode, out, err)
END
}

@test "another Python named by AFS_PYTHON makes it anew; the same keeps it" {
    take_checkout
    AFS_PYTHON=python3 run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"has all of the base" ]]
    have=$(checkout/.venv/bin/python3 -c 'import sys; print("python3.%d" % sys.version_info[1])')
    for other in python3.14 python3.13 python3.12 python3.11; do
        "$other" -c 'import venv, ensurepip' 2>/dev/null && [ "$other" != "$have" ] && break
        other=
    done
    [ -n "$other" ] || skip "no second Python"
    AFS_PYTHON=$other run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"anew with Python ${other#python}"*"installed apple-1.0"* ]]
    [ "$(checkout/.venv/bin/afs one)" = "7.8.9 1.0" ]
    run --separate-stderr -0 checkout/scripts/afs-venv # unnamed, the one that is there stays
    [[ $output == *"has all of the base" ]]
}

@test "it can be run from its own environment" {
    take_checkout
    . checkout/.venv/bin/activate
    rm "$VIRTUAL_ENV/pyvenv.cfg" # now its python3 is the system's
    run --separate-stderr -0 checkout/scripts/afs-venv
    [[ $output == *"anew"*"installed apple-1.0"* ]]
}
