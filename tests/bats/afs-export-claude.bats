#!/usr/bin/env bats
# The shell contract of afs-export-claude.

load helper

@test "the examples give one sample a human turn, and the closing line accounts for all of them" {
    run --separate-stderr afs-export-claude --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 21 ]
    [[ "$stderr" == "afs-export-claude: 26 read, 21 written, 5 dropped (abandoned-branch 1, interrupted 1, mid-turn 2, no-answer 1), "*" redacted ("* ]]
}

@test "what it writes are samples" {
    afs-export-claude -q --home "$ROOT/examples/home" >claude.jsonl
    run --separate-stderr afs-validate --check claude.jsonl
    [ "$status" -eq 0 ]
}

@test "no planted secret leaves it, and nothing of the home it came from" {
    run --separate-stderr afs-export-claude --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    for secret in AKIA"IOSFODNN7" wJalrXUtnFEMI herring-herring kipper-kipper limpet-limpet /home/dana; do
        [[ "$output" != *"$secret"* ]]
    done
}

@test "--no-redact writes them as they stand" {
    run --separate-stderr afs-export-claude --no-redact --home "$ROOT/examples/home"
    [[ "$output" == *AKIA"IOSFODNN7EXAMPLE"* ]]
    [[ "$output" == *herring-herring* ]]
}

@test "nothing that the client put in is in a sample" {
    afs-export-claude -q --no-redact --home "$ROOT/examples/home" >claude.jsonl
    for noise in system-reminder 'Stop hook feedback' 'This session is being continued' '<command-' '<ide_' \
        'API Error' 'Caveat: The messages' 'Image: source' example-signature iVBORw0KGgo; do
        run -1 grep -cF -- "$noise" claude.jsonl
    done
    grep -q '"instruction":"/changelog since v0.9","input":"Write a changelog entry in the style of keepachangelog' claude.jsonl
    [ "$(grep -o keepachangelog claude.jsonl | wc -l)" -eq 1 ]
    grep -q '"instruction":"what kind of bird is this? \[Image #1\]"' claude.jsonl
    grep -q '"instruction":"add a --quiet flag to the CLI' claude.jsonl
}

@test "what a person said into a running turn stays a user message of that turn" {
    afs-export-claude -q --home "$ROOT/examples/home" >claude.jsonl
    grep -qF '{"role":"user","content":"short form should be -q, and keep the exit status"}' claude.jsonl
}

@test "a resumed session and a question asked twice: each turn once, each its own sample_id" {
    afs-export-claude -q --home "$ROOT/examples/home" >claude.jsonl
    [ "$(grep -c '"instruction":"The tide table' claude.jsonl)" -eq 1 ]
    [ "$(grep -c '"instruction":"what does PEP 8' claude.jsonl)" -eq 2 ]
    [ "$(grep -o '"sample_id":"[0-9a-f]*"' claude.jsonl | sort -u | wc -l)" -eq 21 ]
}

@test "a file with --output is private and the old one stays when the run fails" {
    printf 'old\n' >claude.jsonl
    run -2 afs-export-claude --home missing -o claude.jsonl
    [[ "$output" == *"missing: no such folder"* ]]
    [ "$(cat claude.jsonl)" = old ]
    rm claude.jsonl
    afs-export-claude -q --home "$ROOT/examples/home" -o claude.jsonl
    [ "$(find . -name claude.jsonl -perm 600)" = ./claude.jsonl ]
}

@test "the user's own home is the default, and one without logs is a clear line" {
    run --separate-stderr afs-export-claude
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == "afs-export-claude: no claude logs under $HOME/.claude, $HOME/.config/claude; nothing to do" ]]
}

@test "CLAUDE_CONFIG_DIR and ~/.config/claude are read, unless a home was named" {
    mkdir -p h "$HOME/.config"
    cp -R "$ROOT/examples/home/.claude" "$HOME/.config/claude"
    run --separate-stderr afs-export-claude -q
    [ "${#lines[@]}" -eq 21 ]
    export CLAUDE_CONFIG_DIR="$ROOT/examples/home/.claude"
    rm -r "$HOME/.config/claude"
    run --separate-stderr afs-export-claude -q
    [ "${#lines[@]}" -eq 21 ]
    run --separate-stderr afs-export-claude -q --home h
    [ -z "$output" ]
}

@test "--account has a row for every turn, --summary the same numbers and what was left out" {
    afs-export-claude -q --home "$ROOT/examples/home" --account turns.jsonl --summary counts.json -o claude.jsonl
    [ "$(wc -l <turns.jsonl)" -eq 26 ]
    [ "$(grep -c '"reason":null' turns.jsonl)" -eq 21 ]
    grep -q '"turns":{"seen":26,"samples":21,"skipped":{"abandoned-branch":1,"interrupted":1,"mid-turn":2,"no-answer":1}}' counts.json
    grep -q '"file":"~/.claude/projects/-home-dana-src-beacon/' turns.jsonl
    grep -q '"duplicate":{"count":14' counts.json
    grep -q '"subagent":2' counts.json
}

@test "--limit, --project, --exclude-project and --root choose" {
    run --separate-stderr afs-export-claude -q --root "$ROOT/examples/home/.claude" --limit 2
    [ "${#lines[@]}" -eq 2 ]
    run --separate-stderr afs-export-claude -q --home "$ROOT/examples/home" --project '~/src/*' --exclude-project '*-notes' --limit 20
    [ "${#lines[@]}" -eq 13 ]
}

@test "--unit, --no-tools, --no-thinking, --max-tool-output-chars and --domain shape the samples" {
    run --separate-stderr afs-export-claude -q --home "$ROOT/examples/home" --unit conversation --domain coding
    [ "${#lines[@]}" -eq 5 ]
    [[ "${lines[0]}" == *'"domain":"coding"'* ]]
    run --separate-stderr afs-export-claude -q --home "$ROOT/examples/home" --no-tools --no-thinking
    [[ "$output" != *'"role":"tool"'* && "$output" != *'"function"'* && "$output" != *'"thinking":"'* ]]
    run --separate-stderr afs-export-claude -q --home "$ROOT/examples/home" --max-tool-output-chars 20 --limit 1
    [[ "$output" == *'more characters]'* ]]
}

@test "a torn last line and an unknown record are counted, and an error with --strict" {
    mkdir -p .claude/projects/p
    log=.claude/projects/p/d1b0618b-4be1-457e-a35d-ff757de28b97.jsonl
    cp "$ROOT/examples/home/.claude/projects/-home-dana-src-trip-notes/"*.jsonl "$log"
    printf '{"type":"hologram"}\n{"type":"us' >>"$log"
    run --separate-stderr afs-export-claude --home . --summary counts.json
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 8 ]
    grep -q '"type hologram":{"count":1' counts.json
    grep -q '"torn":{"json":{"count":1' counts.json
    run --separate-stderr -1 afs-export-claude --home . --strict
    [[ "$stderr" == *"unknown"*"hologram"* ]]
}

@test "a log named on the command line is read alone" {
    run --separate-stderr afs-export-claude -q "$ROOT/examples/home/.claude/projects/-home-dana-src-trip-notes/"*.jsonl
    [ "${#lines[@]}" -eq 8 ]
}

@test "a log that cannot be read is named with exit 1, and the others are written" {
    [ "$(id -u)" -ne 0 ] || skip "root reads every file"
    cp -R "$ROOT/examples/home" h
    chmod -R u+w h
    chmod 000 h/.claude/projects/-home-dana-src-trip-notes/*.jsonl
    run --separate-stderr -1 afs-export-claude --home h
    [ "${#lines[@]}" -eq 13 ]
    [[ "$stderr" == *"trip-notes"*"permission denied"* ]]
}

@test "a redactor after --no-redact sees what the exporter would have hidden" {
    afs-export-claude -q --no-redact --home "$ROOT/examples/home" | afs-redact -q >claude.jsonl
    [ "$(wc -l <claude.jsonl)" -eq 21 ]
    run -1 grep -c herring-herring claude.jsonl
}

@test "--known and --rules redact what they name, and a home of one's own makes its owner known" {
    printf 'tide\n' >known.txt
    afs-export-claude -q --home "$ROOT/examples/home" | grep -q '\btide\b'
    afs-export-claude -q --home "$ROOT/examples/home" --known known.txt >out.jsonl
    grep -q REDACTED_KNOWN_1 out.jsonl
    ! grep -q '\btide\b' out.jsonl || return 1
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["tide"]\nre = "(?P<s>tide)"\n' >rules.toml
    afs-export-claude -q --home "$ROOT/examples/home" --rules rules.toml | grep -q REDACTED_WORD_1
    run --separate-stderr -2 afs-export-claude --home "$ROOT/examples/home" --rules nowhere.toml
    [ "$stderr" = "afs-export-claude: nowhere.toml: no such file or directory" ]
    run --separate-stderr -2 afs-export-claude --home "$ROOT/examples/home" --known known.txt --no-redact
    [[ "$stderr" == *"--no-redact leaves nothing to do for --known and --rules"* ]]
    cp -R "$ROOT/examples/home/.claude" "$HOME"
    export ACME_API_TOKEN=xq-tide-7Plum
    mkdir -p sub && cp -R "$HOME/.claude" sub
    sed -i 's/\btide\b/xq-tide-7Plum/g' $(find "$HOME" sub -name '*.jsonl')
    ! afs-export-claude -q | grep -q 7Plum || return 1
    afs-export-claude -q --home sub | grep -q 7Plum
}

@test "two runs give the same bytes" {
    afs-export-claude -q --home "$ROOT/examples/home" >a
    PYTHONHASHSEED=7 afs-export-claude -q --home "$ROOT/examples/home" >b
    cmp a b
}

@test "an unknown option is exit 2 with nothing on stdout" {
    run --separate-stderr -2 afs-export-claude --unknown
    [ -z "$output" ]
    [[ "$stderr" == *"unrecognized arguments: --unknown"* ]]
}
