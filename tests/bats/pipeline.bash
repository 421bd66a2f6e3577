# Loaded by the bats files of the pipeline: a home with logs, and stand-ins for the commands of the stages.

load helper
eval "helper_$(declare -f setup)"

setup() {
    helper_setup
    export AFS_BIN="$BATS_TEST_TMPDIR/bin" RAN="$BATS_TEST_TMPDIR/ran"
    unset MAKEFLAGS MAKELEVEL MFLAGS
    mkdir -p "$AFS_BIN" 'my home: x/.codex/sessions/2025/01/02' 'my home: x/.claude/projects/-p'
    local name
    for name in export-codex export-claude redact validate score filter dedupe split convert; do
        cp "$ROOT/tests/bats/stand-in" "$AFS_BIN/afs-$name"
    done
    codex_log='my home: x/.codex/sessions/2025/01/02/rollout-2025-01-02T00-00-00-00000000-0000-4000-8000-000000000001.jsonl'
    claude_log='my home: x/.claude/projects/-p/00000000-0000-4000-8000-000000000002.jsonl'
    printf '{"codex":%s}\n' 1 2 3 >"$codex_log"
    printf '{"claude":%s}\n' 1 2 2 >"$claude_log"
}

# Which stages ran since the last call, as one line.
ran() {
    local stages=''
    if [ -f "$RAN" ]; then
        stages=$(awk '{ print $2 }' "$RAN" | tr '\n' ' ')
        rm "$RAN"
    fi
    printf '%s' "${stages% }"
}

# shellcheck disable=SC2034  # used by the files that load this
after_kept='unique splits openai/train openai/val openai/test alpaca/train alpaca/val alpaca/test'

# The jq package in place of the program, which may not be there: jq [-r] [-c] [-e] FILTER [FILE].
jq() {
    python3 -c '
import json, sys, jq
flags, rest = [a for a in sys.argv[1:] if a in ("-r", "-c", "-e")], [a for a in sys.argv[1:] if a not in ("-r", "-c", "-e")]
text = open(rest[1]).read() if rest[1:] else sys.stdin.read()
found = jq.compile(rest[0]).input_text(text).all()
for value in found:
    print(value if "-r" in flags and isinstance(value, str) else json.dumps(value, separators=(",", ":")))
sys.exit("-e" in flags and (not found or found[-1] in (None, False)))' "$@"
}
