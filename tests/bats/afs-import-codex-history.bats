load helper

import() {
    afs-import-codex-history --home "$ROOT/examples/home" --history-root history "$@"
}

@test "the examples come back out of the store as afs-export-codex writes them" {
    run --separate-stderr import
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ "$stderr" == "afs-import-codex-history: 31 read, 4 dropped (imported 1, interrupted 1, replayed 1, rolled-back 1), 20 redacted ("*"), 0 already there, 0 grown, 57 new" ]]
    afs-export-codex -q --home "$ROOT/examples/home" | sort >codex.jsonl
    afs-export-history -q --history-root history | sort >history.jsonl
    [ "$(wc -l <codex.jsonl)" -eq 27 ]
    cmp codex.jsonl history.jsonl
}

@test "the documented spelling, the store of the home or of AFS_CONTEXT_ROOT, and a clear line for nothing" {
    run --separate-stderr afs training codex-history-import --history-root ~/.context/history
    [ "$status" -eq 0 ]
    [[ "${stderr_lines[0]}" == "afs-import-codex-history: no codex logs under $HOME/.codex; nothing to do" ]]
    [ ! -e "$HOME/.context" ]
    cp -R "$ROOT/examples/home/.codex" "$HOME"
    afs training codex-history-import -q
    AFS_CONTEXT_ROOT=other afs-import-codex-history -q
    printf 'context_root = "%s/third"\n' "$PWD" >afs.toml
    afs-import-codex-history -q --config afs.toml
    diff -r "$HOME/.context/history" other/history
    diff -r "$HOME/.context/history" third/history
    afs-import-codex-history --history-root other 2>&1 | grep -q '57 already there, 0 grown, 0 new'
}

@test "the store is private, and a second run changes nothing in it" {
    import -q
    [ -z "$(find history ! -perm 700 -type d; find history ! -perm 600 -type f)" ]
    [ "$(find history/payloads -name '*.json' | wc -l)" -ge 1 ]
    cp -a history before
    : >made
    run --separate-stderr import
    [[ "$stderr" == *"57 already there, 0 grown, 0 new" ]]
    diff -r history before
    [ -z "$(find history -newer made)" ]
}

@test "no planted secret enters the store, and --no-redact keeps them as they stand" {
    import -q --subagents include --include-system
    checked=0
    while read -r value; do
        grep -rqF -- "$value" "$ROOT/examples/home/.codex" && checked=$((checked + 1))
        run ! grep -rqF -- "$value" history
    done < <(bash "$ROOT/tests/bats/planted.sh")
    [ "$checked" -ge 3 ]
    run ! grep -rqE '/(home|Users)/dana' history
    import -q --no-redact --history-root raw
    grep -rqF AKIA"IOSFODNN7EXAMPLE" raw
    afs-export-history -q --no-redact --history-root raw | sort >a
    afs-export-codex -q --no-redact --home "$ROOT/examples/home" | sort >b
    cmp a b
}

@test "--known and --rules redact what they name" {
    printf 'forecast\n' >known.txt
    import -q
    grep -rqw forecast history
    import -q --history-root known --known known.txt
    grep -rq REDACTED_KNOWN_1 known
    run ! grep -rqw forecast known
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["forecast"]\nre = "(?P<s>forecast)"\n' >rules.toml
    import -q --history-root rules --rules rules.toml
    grep -rq REDACTED_WORD_1 rules
    run --separate-stderr -2 import --known known.txt --no-redact
    [[ "$stderr" == *"--no-redact leaves nothing to do for --known and --rules"* ]]
}

@test "--dry-run counts and writes nothing but the account" {
    run --separate-stderr import --dry-run --account turns.jsonl
    [[ "$stderr" == *"0 already there, 0 grown, 57 new" ]]
    [ ! -e history ]
    [ "$(wc -l <turns.jsonl)" -eq 31 ]
    import -q
    cp -a history before
    run --separate-stderr import --dry-run
    [[ "$stderr" == *"57 already there, 0 grown, 0 new" ]]
    diff -r history before
}

@test "failed tools are marked for every reader and give no sample" {
    import -q
    grep -h '"type":"tool"' history/*.jsonl >tools
    [ "$(grep -c '"success":false,"tool_success":false' tools)" -ge 1 ]
    ! grep '"success":false' tools | grep -q '"payload":{"input":"[^"]*\(\\.[^"]*\)*","output"' || return 1
    good=$(grep -c '"success":true,"tool_success":true' tools)
    [ "$(afs-export-history -q --history-root history --event-type tool | wc -l)" -eq "$good" ]
}

@test "--no-tools leaves tool calls out of the store, --max-tool-output-chars cuts tool events alone" {
    import -q --no-tools
    run ! grep -rq '"type":"tool"\|"role":"tool"\|"function":{' history
    afs-export-history -q --history-root history --no-tools | sort >a
    afs-export-codex -q --home "$ROOT/examples/home" --no-tools | sort >b
    cmp a b
    import -q --history-root short --max-tool-output-chars 20
    grep -h '"type":"tool"' short/*.jsonl | grep -q 'more characters\]"}'
    afs-export-history -q --history-root short | sort >a
    afs-export-codex -q --home "$ROOT/examples/home" | sort >b
    cmp a b
}

@test "--include-system and --subagents put in what they name" {
    import -q --include-system --subagents include
    afs-export-history -q --history-root history --include-system --subagents include | sort >a
    afs-export-codex -q --home "$ROOT/examples/home" --include-system --subagents include | sort >b
    cmp a b
    grep -q '"role":"system"' a
    grep -q '"subagent"' a
    import -q --history-root only --subagents only
    [ "$(grep -h '"type":"model"' only/*.jsonl | wc -l)" -eq "$(grep -c '"subagent"' a)" ]
}

@test "--project, --exclude-project, --since, --until, --root, FILE and --limit choose" {
    models() { grep -h '"type":"model"' history/*.jsonl | wc -l; }
    import -q --project '~/src/*' --exclude-project shop-api --summary counts.json
    [ "$(models)" -eq "$(afs-export-codex -q --home "$ROOT/examples/home" --project '~/src/*' --exclude-project shop-api | wc -l)" ]
    grep -q '"events":{"model":{"new":' counts.json
    rm -r history
    import -q --since 2025-10-01 --until 2026-06-01
    [ "$(models)" -eq "$(afs-export-codex -q --home "$ROOT/examples/home" --since 2025-10-01 --until 2026-06-01 | wc -l)" ]
    rm -r history
    afs-import-codex-history -q --root "$ROOT/examples/home/.codex" --history-root history --limit 3
    [ "$(models)" -eq 3 ]
    afs-import-codex-history -q --root "$ROOT/examples/home/.codex" --history-root history --limit 3
    [ "$(models)" -eq 6 ]
    rm -r history
    afs-import-codex-history -q --history-root history "$ROOT"/examples/home/.codex/sessions/2025/08/22/*.jsonl
    [ "$(models)" -eq 3 ]
}

@test "what the configuration excludes never enters the store" {
    printf '[exclude]\nprojects = ["shop-api"]\n' >afs.toml
    import -q --config afs.toml
    run ! grep -rq shop-api history
    import -q
    grep -rq shop-api history
}

@test "--rejects collects bad lines, --strict stops at them" {
    mkdir -p logs
    log=logs/rollout-2025-08-14T09-12-44-3f0c1a52-7b1e-4c9d-9a10-0000000000a1.jsonl
    { printf 'bad\n' && cat "$ROOT"/examples/home/.codex/sessions/2025/08/14/*.jsonl; } >"$log"
    run --separate-stderr -1 afs-import-codex-history --root logs --history-root history
    [[ "$stderr" == *"use --rejects FILE"* ]]
    afs-import-codex-history -q --root logs --history-root history --rejects bad.jsonl
    [ "$(wc -l <bad.jsonl)" -eq 1 ]
    run -1 afs-import-codex-history --root logs --history-root strict --strict
    [ ! -e strict ]
}

@test "a store that cannot be written is a clear line, and so is a link in its place" {
    : >file
    run --separate-stderr -1 import --history-root file/history
    [ "$stderr" = "afs-import-codex-history: file/history: not a directory" ]
    mkdir -p history elsewhere
    ln -s ../elsewhere/e history/events_20250814.jsonl
    run --separate-stderr -1 import
    [ "$stderr" = "afs-import-codex-history: history/events_20250814.jsonl: is a link, which no reader of the store follows" ]
    [ -z "$(ls elsewhere)" ]
}

@test "an unknown option and a missing home are exit 2, and nothing is made" {
    run --separate-stderr -2 import --unit turn
    [[ "$stderr" == *"unrecognized arguments: --unit"* ]]
    run --separate-stderr -2 afs-import-codex-history --home missing --history-root history
    [[ "$stderr" == *"missing: no such folder"* ]]
    [ ! -e history ]
}
