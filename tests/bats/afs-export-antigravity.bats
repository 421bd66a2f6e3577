load helper

agy() { afs-export-antigravity --home "$ROOT/examples/home" "$@"; }

@test "the examples give one sample a human turn, and the closing line accounts for all of them" {
    run --separate-stderr agy
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 7 ]
    [[ "$stderr" == "afs-export-antigravity: 10 read, 7 written, 3 dropped (abandoned-branch 1, incomplete 1, mid-turn 1), "*" redacted ("* ]]
}

@test "what it writes are samples, and --summary names what was skipped" {
    agy -q --summary counts.json -o out.jsonl
    run --separate-stderr afs-validate --check out.jsonl
    [ "$status" -eq 0 ]
    [ "$(find . -name out.jsonl -perm 600)" = ./out.jsonl ]
    grep -q '"encrypted":{"count":1,' counts.json
    grep -q '"artifact":{"count":1,' counts.json
}

@test "no planted secret leaves it, and nothing of the home it came from; --no-redact writes them as they stand" {
    run --separate-stderr agy
    for secret in marmot.Kettle.41 /home/dana; do
        [[ "$output" != *"$secret"* ]]
    done
    run --separate-stderr agy --no-redact
    [[ "$output" == *marmot.Kettle.41* ]]
}

@test "wrappers, injected steps and arguments for the display are in no sample" {
    agy -q --no-redact -o out.jsonl
    for word in USER_REQUEST ADDITIONAL_METADATA 'local time' EPHEMERAL toolAction 'task id' 'Created At' '214 stations'; do
        run -1 grep -c "$word" out.jsonl
    done
    grep -q '"instruction":"fix it and add a test for Hobart only"' out.jsonl
    grep -q '"teacher_model":"Example 3.5 Flash (High)"' out.jsonl
}

@test "a turn that went back and an answer that the log cut are in --account with their reasons" {
    agy -q --account turns.jsonl -o out.jsonl
    [ "$(wc -l <turns.jsonl)" -eq 10 ]
    grep -q '"file":"~/.gemini/antigravity-cli/brain/.*"line":10,"sample_id":null,"reason":"incomplete"' turns.jsonl
    grep -q '"reason":"abandoned-branch"' turns.jsonl
}

@test "--limit, --project, --exclude-project and --root choose" {
    run --separate-stderr afs-export-antigravity -q --root "$ROOT/examples/home/.gemini" --limit 2
    [ "${#lines[@]}" -eq 2 ]
    run --separate-stderr agy -q --project '~/src/*' --exclude-project shop-api
    [ "${#lines[@]}" -eq 3 ]
    run --separate-stderr afs-export-antigravity -q --root "$ROOT/examples/home/.gemini/antigravity-cli"
    [ "${#lines[@]}" -eq 2 ]
}

@test "--config leaves a project out before it is read" {
    printf '[exclude]\nprojects = ["~/src/shop-api"]\n' >c.toml
    chmod 600 c.toml
    agy -q --config c.toml -o out.jsonl
    [ "$(wc -l <out.jsonl)" -eq 5 ]
    run -1 grep -c SMTP out.jsonl
}

@test "--unit, --no-tools, --no-thinking, --max-tool-output-chars and --domain shape the samples" {
    run --separate-stderr agy -q --unit conversation --domain tides
    [ "${#lines[@]}" -eq 4 ]
    [[ "${lines[0]}" == *'"domain":"tides"'* ]]
    run --separate-stderr agy -q --no-tools --no-thinking
    [[ "$output" != *'"role":"tool"'* && "$output" != *'"function"'* && "$output" != *'"thinking":"'* ]]
    run --separate-stderr agy -q --max-tool-output-chars 20 --limit 1
    [[ "$output" == *'more characters]'* ]]
}

@test "--since, --until, --list, --subagents and --include-system are those of every exporter" {
    run --separate-stderr agy -q --since 2026-05-01 --until 2026-06-01
    [ "${#lines[@]}" -eq 3 ]
    run --separate-stderr agy -q --list --as json
    [ "$(grep -c '"project":"~/src/' <<<"$output")" -eq 2 ]
    run --separate-stderr agy -q --subagents include --include-system
    [ "${#lines[@]}" -eq 7 ]
}

@test "--state remembers, --reuse copies" {
    agy -q --state s >all.jsonl
    agy -q --state s >more.jsonl
    [ ! -s more.jsonl ]
    agy -q --state s --reuse all.jsonl -o again.jsonl
    cmp all.jsonl again.jsonl
}

@test "--known and --rules redact what they name" {
    printf 'Hobart\n' >known.txt
    agy -q --known known.txt >out.jsonl
    grep -q REDACTED_KNOWN_1 out.jsonl
    ! grep -q Hobart out.jsonl || return 1
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["equator"]\nre = "(?P<s>equator)"\n' >rules.toml
    agy -q --rules rules.toml | grep -q REDACTED_WORD_1
}

@test "the user's own home is the default, and one without logs is a clear line" {
    run --separate-stderr afs-export-antigravity
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == "afs-export-antigravity: no antigravity logs under $HOME/.gemini, $HOME/.config/Antigravity, "*"; nothing to do" ]]
    mkdir -p elsewhere && cp -R "$ROOT/examples/home/.gemini" elsewhere
    GEMINI_CLI_HOME="$PWD/elsewhere" afs-export-antigravity -q >one.jsonl
    GEMINI_HOME="$PWD/elsewhere/.gemini" afs-export-antigravity -q >two.jsonl
    [ "$(wc -l <one.jsonl)" -eq 7 ]
    cmp one.jsonl two.jsonl
}

@test "a torn last line is counted, and an error with --strict; torn lines within are rejects" {
    cp -R "$ROOT/examples/home/.gemini" .
    log=$(echo .gemini/antigravity-cli/brain/*/.system_generated/logs/transcript.jsonl)
    printf '{"step_index": 11, "sou' >>"$log"
    run --separate-stderr afs-export-antigravity --home .
    [ "$status" -eq 0 ]
    [[ "$stderr" == *"1 torn (json 1)"* ]]
    run --separate-stderr -1 afs-export-antigravity --home . --strict
    sed -i '2i y","created_at":"2026-06-18T19:02:03Z"}' "$log"
    run --separate-stderr afs-export-antigravity --home . --rejects bad.jsonl
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 7 ]
    grep -q '"line":2,.*"reason":"json"' bad.jsonl
}

@test "a transcript and an export that are named are read alone" {
    log=$(echo "$ROOT"/examples/home/.gemini/antigravity-cli/brain/*/.system_generated/logs/transcript.jsonl)
    run --separate-stderr afs-export-antigravity -q "$log" "$ROOT/examples/home/.gemini/antigravity/exports/coil chat.md"
    [ "${#lines[@]}" -eq 3 ]
    cp "$log" moved.jsonl
    run --separate-stderr afs-export-antigravity -q moved.jsonl
    [ "${#lines[@]}" -eq 2 ]
}

@test "a link out of the root is not followed" {
    mkdir -p h/.gemini/antigravity-cli/brain/b outside
    cp -R "$ROOT"/examples/home/.gemini/antigravity-cli/brain/* outside/
    ln -s "$PWD"/outside/* h/.gemini/antigravity-cli/brain/
    ln -s loop h/.gemini/antigravity-cli/brain/loop
    run --separate-stderr afs-export-antigravity --home h
    [ -z "$output" ]
    [[ "$stderr" == *"nothing to do"* ]]
}

@test "two runs give the same bytes" {
    agy -q >a
    PYTHONHASHSEED=7 agy -q >b
    cmp a b
}

@test "an unknown option is exit 2 with nothing on stdout" {
    run --separate-stderr -2 afs-export-antigravity --unknown
    [ -z "$output" ]
    [[ "$stderr" == *"unrecognized arguments: --unknown"* ]]
}
