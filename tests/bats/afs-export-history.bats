load helper

@test "the examples give one sample a turn, and the closing line accounts for all events" {
    run --separate-stderr afs-export-history --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 5 ]
    [[ "$stderr" == "afs-export-history: 9 read, 5 written, 4 dropped (automated 1, failed 1, payload-outside 1, redacted-at-source 1), "* ]]
}

@test "the documented spelling writes a private file of samples" {
    cp -R "$ROOT/examples/home/.context" "$HOME"
    afs training history-export --output training_data/history.jsonl -q
    [ "$(wc -l <training_data/history.jsonl)" -eq 5 ]
    [ "$(find training_data/history.jsonl -perm 600)" = training_data/history.jsonl ]
    run --separate-stderr afs-validate --check training_data/history.jsonl
    [ "$status" -eq 0 ]
}

@test "no planted secret leaves it, and --no-redact writes it as it stands" {
    checked=0
    while read -r value; do
        grep -rqF -- "$value" "$ROOT/examples/home/.context/history" && checked=$((checked + 1))
        run ! grep -qF -- "$value" <(afs-export-history -q --include-tools --home "$ROOT/examples/home")
    done < <(bash "$ROOT/tests/bats/planted.sh")
    [ "$checked" -ge 1 ]
    afs-export-history -q --no-redact --home "$ROOT/examples/home" | grep -q 'receipts:marmot.Kettle'
}

@test "the store is that of AFS_CONTEXT_ROOT, else of the home, and an empty one is a clear line" {
    run --separate-stderr afs-export-history
    [ "$status" -eq 0 ]
    [[ "${stderr_lines[0]}" == "afs-export-history: no history logs under $HOME/.context/history; nothing to do" ]]
    AFS_CONTEXT_ROOT="$ROOT/examples/home/.context" afs-export-history -q >a
    afs-export-history -q --home "$ROOT/examples/home" >b
    cmp a b
    [ -s a ]
}

@test "--root and --history-root name the store or the context folder, FILE one file of it" {
    afs-export-history -q --home "$ROOT/examples/home" | jq -r .sample_id >a
    afs-export-history -q --root "$ROOT/examples/home/.context" | jq -r .sample_id >b
    afs-export-history -q --history-root "$ROOT/examples/home/.context/history" | jq -r .sample_id >c
    cmp a b
    cmp a c
    afs-export-history -q "$ROOT/examples/home/.context/history/common/events_20260121.jsonl" >out.jsonl
    [ "$(wc -l <out.jsonl)" -eq 3 ]
    grep -q 'tide table of the harbour' out.jsonl # its payload is in a file
}

@test "messages that grow come once a turn, and a failed answer never" {
    afs-export-history -q --home "$ROOT/examples/home" >out.jsonl
    [ "$(grep -c 'And neap tide' out.jsonl)" -eq 1 ]
    run -1 grep -c 'The one with the"' out.jsonl
    [ "$(jq -r 'select(._metadata.group == "s-7f3a") | .instruction' out.jsonl | sort -u | wc -l)" -eq 4 ]
    jq -es 'any(.[]; (.instruction | test("neap")) and .teacher_model == "tern-2-large" and
        ._metadata.tokens_in == 77)' out.jsonl
}

@test "a payload out of the store is not read, whatever is there" {
    mkdir -p store/payloads
    printf '{"prompt":"q","response":"stolen"}' >outside.json
    ln -s ../../outside.json store/payloads/link.json
    for reference in ../outside.json "$PWD/outside.json" payloads/link.json payloads/none.json; do
        printf '{"id":"%s","type":"model","payload_ref":"%s","payload_preview":"{}"}\n' "$RANDOM" "$reference"
    done >store/events_20260101.jsonl
    run --separate-stderr afs-export-history --root store
    [ -z "$output" ]
    [[ "$stderr" == *"4 dropped (payload-missing 1, payload-outside 3)"* ]]
}

@test "a payload with another hash is not used" {
    mkdir -p store/payloads
    printf '{"prompt":"q","response":"a"}' >store/payloads/p.json
    sum=$(sha256sum store/payloads/p.json | cut -d ' ' -f 1)
    printf '{"id":"1","type":"model","payload_ref":"payloads/p.json","payload_sha256":"%s"}\n' "$sum" >store/events_1.jsonl
    [ "$(afs-export-history -q --root store | wc -l)" -eq 1 ]
    printf '{"prompt":"q","response":"b"}' >store/payloads/p.json
    run --separate-stderr afs-export-history --root store
    [ -z "$output" ]
    [[ "$stderr" == *"1 dropped (payload-changed 1)"* ]]
}

@test "--include-tools, --include-fs and --include-cli add events, --tool-domain is their topic" {
    for option in tools:1 fs:1 cli:2; do
        run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" "--include-${option%:*}"
        [ "${#lines[@]}" -eq $((5 + ${option#*:})) ]
    done
    afs-export-history -q --home "$ROOT/examples/home" --include-tools --include-fs --tool-domain deeds --domain chat >out.jsonl
    [ "$(jq -r .domain out.jsonl | sort | uniq -c | tr -s ' \n' ' ')" = " 5 chat 2 deeds " ]
    jq -es 'any(.[]; .domain == "deeds" and (.instruction | startswith("Tool grep\n\n{")))' out.jsonl
    grep -q '"instruction":"Write the file scratchpad/tides.md"' out.jsonl
}

@test "--event-type names the types in the place of model" {
    run --separate-stderr afs-export-history --home "$ROOT/examples/home" --event-type tool --event-type cli
    [ "${#lines[@]}" -eq 3 ]
    [[ "$stderr" == *"4 read, 3 written, 1 dropped (failed 1)"* ]]
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --event-type fs
    [[ "$output" == *'"domain":"history_tools"'* ]]
    run --separate-stderr -2 afs-export-history --event-type hook
    [[ "$stderr" == *"invalid choice: 'hook'"* ]]
}

@test "--include-own adds what afs asked for its own ends" {
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --include-own
    [ "${#lines[@]}" -eq 6 ]
    [[ "$output" == *"Rate this answer"* ]]
}

@test "--unit, --include-system, --no-thinking, --no-tools and --max-tool-output-chars shape the samples" {
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --unit conversation --include-system
    [ "${#lines[@]}" -eq 3 ]
    [[ "${lines[0]}" == *'"messages":[{"role":"system","content":"Be brief."},{"role":"user"'* ]]
    [ "$(jq -r '.messages | length' <<<"${lines[0]}")" -eq 7 ]
    mkdir -p store
    printf '%s\n' '{"id":"1","type":"model","payload":{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c","function":{"name":"ls","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"0123456789"}],"response":"a"}}' >store/events_1.jsonl
    afs-export-history -q --root store | jq -e '(.messages | length) == 4 and .thinking == "hm"'
    afs-export-history -q --root store --no-tools --no-thinking | jq -e '(.messages | length) == 2 and .thinking == null'
    afs-export-history -q --root store --max-tool-output-chars 4 | jq -e '.input | test("0123\n\\[... 6 more")'
}

@test "--since, --until, --limit, --project, --exclude-project and --subagents choose" {
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --since 2026-01-22 --until 2026-01-22T07:01:00Z
    [ "${#lines[@]}" -eq 1 ]
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --limit 2
    [ "${#lines[@]}" -eq 2 ]
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --include-cli --project tidewatch
    [ "${#lines[@]}" -eq 2 ]
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --include-cli --exclude-project tidewatch
    [ "${#lines[@]}" -eq 5 ]
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --subagents only
    [ -z "$output" ]
}

@test "--account and --summary tell of every turn, --list exports nothing" {
    afs-export-history -q --home "$ROOT/examples/home" --account turns.jsonl --summary counts.json -o out.jsonl
    [ "$(wc -l <turns.jsonl)" -eq 9 ]
    grep -q '{"file":"~/.context/history/common/events_20260122.jsonl","line":3,"sample_id":null,"reason":"redacted-at-source"}' turns.jsonl
    grep -q '"another copy of an event":{"count":1,"first":"~/.context/history/events_20260121.jsonl:1"}' counts.json
    run --separate-stderr afs-export-history -q --home "$ROOT/examples/home" --list --as json
    [ "$(jq .turns <<<"$output")" -eq 9 ]
}

@test "--state writes only what is new, and --reuse all of it" {
    mkdir -p h && cp -R "$ROOT/examples/home/.context" h
    afs-export-history -q --home h >full.jsonl
    afs-export-history -q --home h --state s --reuse out.jsonl -o out.jsonl
    cmp full.jsonl out.jsonl
    printf '{"id":"new","type":"model","payload":{"prompt":"New?","response":"Yes."}}\n' >>h/.context/history/common/events_20260122.jsonl
    afs-export-history -q --home h --state s >>out.jsonl
    afs-dedupe -q --by id --keep last out.jsonl | sort >a
    afs-export-history -q --home h | sort >b
    cmp a b
    run --separate-stderr -2 afs-export-history --home h --state s --include-own
}

@test "--known and --rules redact what they name" {
    printf 'quarters\n' >known.txt
    afs-export-history -q --home "$ROOT/examples/home" --known known.txt | grep -q 'around the REDACTED_KNOWN_1 of'
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["quarters"]\nre = "(?P<s>quarters)"\n' >rules.toml
    afs-export-history -q --home "$ROOT/examples/home" --rules rules.toml | grep -q 'around the REDACTED_WORD_1 of'
}

@test "a torn last line is counted, a bad one rejected, and the rest is exported" {
    mkdir -p store
    printf '%s\n' '{"id":"1","type":"model","payload":{"prompt":"q","response":"a"}}' 'noise' >store/events_1.jsonl
    printf '{"id":"torn' >>store/events_1.jsonl
    run --separate-stderr afs-export-history --root store
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ "$stderr" == *"events_1.jsonl:2: bad record: json"* && "$stderr" == *"1 torn (json 1)"* ]]
    run --separate-stderr afs-export-history --root store --rejects rejects
    [ "$status" -eq 0 ]
    [ "$(wc -l <rejects)" -eq 1 ]
}

@test "two runs give the same bytes" {
    afs-export-history -q --home "$ROOT/examples/home" --include-tools --include-fs --include-cli >a
    PYTHONHASHSEED=7 afs-export-history -q --home "$ROOT/examples/home" --include-tools --include-fs --include-cli >b
    cmp a b
}
