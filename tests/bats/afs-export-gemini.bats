load helper

@test "the examples give one sample a human turn, and the closing line accounts for all of them" {
    run --separate-stderr afs-export-gemini --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 5 ]
    [[ "$stderr" == "afs-export-gemini: 9 read, 5 written, 4 dropped (command 2, interrupted 1, rolled-back 1), "*" redacted ("* ]]
}

@test "what it writes are samples" {
    afs-export-gemini -q --home "$ROOT/examples/home" >gemini.jsonl
    run --separate-stderr afs-validate --check gemini.jsonl
    [ "$status" -eq 0 ]
}

@test "no planted secret leaves it, and nothing of the home it came from" {
    run --separate-stderr afs-export-gemini --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    for secret in plover-anvil-77 marmot.Kettle.41 /home/dana; do
        [[ "$output" != *"$secret"* ]]
    done
}

@test "--no-redact writes them as they stand" {
    run --separate-stderr afs-export-gemini --no-redact --home "$ROOT/examples/home"
    [[ "$output" == *plover-anvil"-77-teacup"* ]]
}

@test "injected context, commands and taken-back turns are in no instruction and no output" {
    afs-export-gemini -q --no-redact --home "$ROOT/examples/home" >gemini.jsonl
    run -1 grep -c -e '"instruction":"[^"]*<session_context>' -e state_snapshot -e 'poem about tides' \
        -e '"instruction":"/stats' -e 'Thanks for the additional context' gemini.jsonl
    grep -q '"instruction":"Why does the station list of @stations.csv lose its last row?","input":"--- Content' gemini.jsonl
}

@test "an output that the client cut is whole again, and the turn after a compaction says so" {
    afs-export-gemini -q --no-redact --home "$ROOT/examples/home" >gemini.jsonl
    run -1 grep -c 'characters omitted' gemini.jsonl
    grep -q 'test_row_7 PASSED' gemini.jsonl
    [ "$(grep -c after_compaction gemini.jsonl)" -eq 1 ]
}

@test "--subagents include and only tell what a sub-agent was asked" {
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --subagents include
    [ "${#lines[@]}" -eq 6 ]
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --subagents only
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" == *'"instruction":"Find the opening times'*'"output":"docs/lock.md says: daily'* ]]
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --subagents skip
    [ "${#lines[@]}" -eq 5 ]
}

@test "a file with --output is private and the old one stays when the run fails" {
    printf 'old\n' >gemini.jsonl
    run -2 afs-export-gemini --home missing -o gemini.jsonl
    [[ "$output" == *"missing: no such folder"* ]]
    [ "$(cat gemini.jsonl)" = old ]
    rm gemini.jsonl
    afs-export-gemini -q --home "$ROOT/examples/home" -o gemini.jsonl
    [ "$(find . -name gemini.jsonl -perm 600)" = ./gemini.jsonl ]
}

@test "the user's own home or GEMINI_CLI_HOME is the default, and one without logs is a clear line" {
    run --separate-stderr afs-export-gemini
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == "afs-export-gemini: no gemini logs under $HOME/.gemini; nothing to do" ]]
    GEMINI_CLI_HOME="$ROOT/examples/home" run --separate-stderr afs-export-gemini -q
    [ "${#lines[@]}" -eq 5 ]
}

@test "--account has a row for every turn, --summary the same numbers" {
    afs-export-gemini -q --home "$ROOT/examples/home" --account turns.jsonl --summary counts.json -o gemini.jsonl
    [ "$(grep -c '"reason":null' turns.jsonl)" -eq 5 ]
    [ "$(wc -l <turns.jsonl)" -eq 9 ]
    grep -q '"turns":{"seen":9,"samples":5,"skipped":{"command":2,"interrupted":1,"rolled-back":1}}' counts.json
    grep -q '"a list of prompts"' counts.json
    grep -q '"file":"~/.gemini/tmp/tidewatch/chats/session-2026-05-12' turns.jsonl
}

@test "--limit, --project, --exclude-project and --root choose" {
    run --separate-stderr afs-export-gemini -q --root "$ROOT/examples/home/.gemini" --limit 2
    [ "${#lines[@]}" -eq 2 ]
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --project '~/src/*' --exclude-project tidewatch
    [ "${#lines[@]}" -eq 1 ]
    run --separate-stderr afs-export-gemini -q --root "$ROOT/examples/home/.gemini/tmp/tidewatch"
    [ "${#lines[@]}" -eq 4 ]
}

@test "--unit, --no-tools, --no-thinking, --max-tool-output-chars and --domain shape the samples" {
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --unit conversation --domain shell
    [ "${#lines[@]}" -eq 2 ]
    [[ "${lines[0]}" == *'"domain":"shell"'* ]]
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --no-tools --no-thinking
    [[ "$output" != *'"role":"tool"'* && "$output" != *'"function"'* && "$output" != *'"thinking":"'* ]]
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --max-tool-output-chars 20 --limit 1
    [[ "$output" == *'more characters]'* ]]
}

@test "a torn last line is counted, and an error with --strict" {
    mkdir -p .gemini/tmp
    cp -R "$ROOT/examples/home/.gemini/tmp/tidewatch" .gemini/tmp
    printf '{"id":"x","type":"us' >>"$(printf '%s' .gemini/tmp/tidewatch/chats/*.jsonl)"
    run --separate-stderr afs-export-gemini --home .
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
    [[ "$stderr" == *"1 torn (json 1)"* ]]
    run --separate-stderr -1 afs-export-gemini --home . --strict
    [[ "$stderr" == *"torn record: json"* ]]
}

@test "a session that was migrated and copied counts once" {
    mkdir -p .gemini/tmp
    cp -R "$ROOT/examples/home/.gemini/tmp/tidewatch" .gemini/tmp
    cp -R .gemini/tmp/tidewatch .gemini/tmp/older-name
    cp .gemini/tmp/tidewatch/chats/*.jsonl .gemini/tmp/older-name/chats/session-2026-05-12T07-00-6b0f2d4e.json
    run --separate-stderr afs-export-gemini --home . --summary counts.json
    [ "${#lines[@]}" -eq 4 ]
    grep -q '"another copy of a session":{"count":3' counts.json
}

@test "a compressed session and one named on the command line are read" {
    log=$(printf '%s' "$ROOT/examples/home/.gemini/tmp/tidewatch/chats/"*.jsonl)
    mkdir -p h/.gemini/tmp/tidewatch/chats
    gzip -c "$log" >"h/.gemini/tmp/tidewatch/chats/$(basename "$log").gz"
    afs-export-gemini -q --home h >gz.jsonl
    afs-export-gemini -q "$log" >plain.jsonl
    [ "$(wc -l <plain.jsonl)" -eq 4 ]
    cmp gz.jsonl plain.jsonl
}

@test "a chat that was shared is read when it is named, as JSON and as Markdown" {
    printf '[{"role":"user","parts":[{"text":"Name a tide."}]},{"role":"model","parts":[{"text":"Ebb."}]}]' >share.json
    printf '## USER \360\237\247\221\n\nName a tide.\n\n---\n\n## MODEL \342\234\250\n\nEbb.' >share.md
    for file in share.json share.md; do
        run --separate-stderr afs-export-gemini -q "$file"
        [ "${#lines[@]}" -eq 1 ]
        [[ "$output" == *'"instruction":"Name a tide.","input":"","output":"Ebb."'* ]]
    done
}

@test "--known and --rules redact what they name" {
    printf 'splitlines\n' >known.txt
    afs-export-gemini -q --home "$ROOT/examples/home" --known known.txt >out.jsonl
    grep -q REDACTED_KNOWN_1 out.jsonl
    ! grep -q '\bsplitlines\b' out.jsonl || return 1
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["splitlines"]\nre = "(?P<s>splitlines)"\n' >rules.toml
    afs-export-gemini -q --home "$ROOT/examples/home" --rules rules.toml | grep -q REDACTED_WORD_1
}

@test "what the configuration excludes is not read" {
    printf '[exclude]\nprojects = ["tidewatch"]\n' >config.toml
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --config config.toml
    [ "${#lines[@]}" -eq 1 ]
}

@test "credentials and the history of the shell are never opened" {
    cp -R "$ROOT/examples/home/.gemini" .
    mkfifo .gemini/oauth_creds.json .gemini/tmp/tidewatch/shell_history .gemini/tmp/tidewatch/chats/session-fifo.json
    run --separate-stderr timeout 20 afs-export-gemini -q --home .
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 5 ]
}

@test "--since and --until choose by the time of the question" {
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --since 2026-05-12
    [ "${#lines[@]}" -eq 4 ]
    run --separate-stderr afs-export-gemini -q --home "$ROOT/examples/home" --until 2026-05-12
    [ "${#lines[@]}" -eq 1 ]
}

@test "--include-system changes nothing, for these logs hold no system prompt" {
    afs-export-gemini -q --home "$ROOT/examples/home" >without.jsonl
    afs-export-gemini -q --home "$ROOT/examples/home" --include-system >with.jsonl
    cmp without.jsonl with.jsonl
}

@test "--list and --as show what there is and write no sample" {
    run --separate-stderr afs-export-gemini --home "$ROOT/examples/home" --list --as json
    [ "$status" -eq 0 ]
    [[ "$output" == *'tidewatch'* && "$output" != *'"instruction"'* ]]
}

@test "--state and --reuse read again only what changed, also in a tool's output" {
    cp -R "$ROOT/examples/home/.gemini" .
    afs-export-gemini -q --home . --state s >all.jsonl
    run --separate-stderr afs-export-gemini -q --home . --state s
    [ -z "$output" ]
    sed -i 's/12 passed/13 passed/' .gemini/tmp/tidewatch/tool-outputs/*/*.txt
    run --separate-stderr afs-export-gemini -q --home . --state s
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" == *"13 passed"* ]]
    afs-export-gemini -q --home . --state s --reuse all.jsonl -o all.jsonl
    afs-export-gemini -q --home . -o full.jsonl
    cmp all.jsonl full.jsonl
}

@test "two runs give the same bytes" {
    afs-export-gemini -q --home "$ROOT/examples/home" >a
    PYTHONHASHSEED=7 afs-export-gemini -q --home "$ROOT/examples/home" >b
    cmp a b
}

@test "an unknown option is exit 2 with nothing on stdout" {
    run --separate-stderr -2 afs-export-gemini --unknown
    [ -z "$output" ]
    [[ "$stderr" == *"unrecognized arguments: --unknown"* ]]
}
