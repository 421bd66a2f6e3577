# Loaded by every bats file: a HOME of its own, the commands of this checkout first on PATH.

bats_require_minimum_version 1.5.0

setup() {
    ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export ROOT
    export HOME="$BATS_TEST_TMPDIR/home"
    mkdir -p "$HOME" "$BATS_TEST_TMPDIR/decoy"
    # An installed copy must never be tested by accident: it would be found only behind ours.
    printf '#!/bin/sh\necho decoy >&2\nexit 99\n' >"$BATS_TEST_TMPDIR/decoy/afs"
    chmod +x "$BATS_TEST_TMPDIR/decoy/afs"
    export PATH="$ROOT/scripts:$ROOT/bin:${AFS_TEST_PYTHON_BIN:-$ROOT/.venv/bin}:$BATS_TEST_TMPDIR/decoy:$PATH"
    unset AFS_BIN AFS_CONFIG AFS_CONFIG_PATH AFS_CONTEXT_ROOT AFS_PLUGIN_DIRS AFS_PYTHON AFS_VENV AFS_VENV_EXTRAS
    unset CODEX_HOME CLAUDE_CONFIG_DIR GEMINI_CLI_HOME GEMINI_HOME COLUMNS MAKEFLAGS MAKELEVEL MFLAGS
    export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Two samples, one after the other, in a file.
write_samples() {
    printf '%s\n' \
        '{"sample_id":"a","instruction":"What is 2+2?","input":"","output":"2+2 is 4.","source":"t"}' \
        '{"sample_id":"b","instruction":"Name a colour.","input":"","output":"Blue is a colour.","source":"u"}' >"$1"
}
