load helper

@test "the examples give one sample an entry, and the closing line accounts for all of them" {
    run --separate-stderr afs-export-memory --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 9 ]
    [[ "$stderr" == "afs-export-memory: 12 read, 9 written, 3 dropped (duplicate 1, raw 2), 1 redacted ("* ]]
}

@test "the documented spelling writes a private file of samples" {
    cp -R "$ROOT/examples/home/.context" "$HOME"
    afs training memory-export --output training_data/memory.jsonl -q
    [ "$(wc -l <training_data/memory.jsonl)" -eq 9 ]
    [ "$(find training_data/memory.jsonl -perm 600)" = training_data/memory.jsonl ]
    run --separate-stderr afs-validate --check training_data/memory.jsonl
    [ "$status" -eq 0 ]
}

@test "no planted secret leaves it, and --no-redact writes it as it stands" {
    checked=0
    while read -r value; do
        grep -rqF -- "$value" "$ROOT/examples/home/.context/memory" && checked=$((checked + 1))
        run ! grep -qF -- "$value" <(afs-export-memory -q --allow-raw --home "$ROOT/examples/home")
    done < <(bash "$ROOT/tests/bats/planted.sh")
    [ "$checked" -ge 1 ]
    afs-export-memory -q --no-redact --home "$ROOT/examples/home" | grep -q 'PASSWORD=swallow-9-brick'
}

@test "the store is that of AFS_CONTEXT_ROOT, else of the home, and an empty one is a clear line" {
    run --separate-stderr afs-export-memory
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == "afs-export-memory: no memory logs under $HOME/.context/memory; nothing to do" ]]
    AFS_CONTEXT_ROOT="$ROOT/examples/home/.context" afs-export-memory -q >a
    afs-export-memory -q --home "$ROOT/examples/home" >b
    cmp a b
    [ -s a ]
}

@test "--root and --memory-root name the store or the context folder, FILE one file of it" {
    afs-export-memory -q --home "$ROOT/examples/home" >home.jsonl
    afs-export-memory -q --root "$ROOT/examples/home/.context" | jq -r .sample_id >a
    afs-export-memory -q --memory-root "$ROOT/examples/home/.context/memory" | jq -r .sample_id >b
    jq -r .sample_id home.jsonl >c
    cmp a c
    cmp b c
    run --separate-stderr afs-export-memory -q "$ROOT/examples/home/.context/memory/team.json"
    [ "${#lines[@]}" -eq 1 ]
    [ "$(jq -r .sample_id <<<"$output")" = "$(jq -r 'select(.instruction | test("weekly")).sample_id' home.jsonl)" ]
}

@test "--allow-raw and --allow-raw-tag say which texts without an answer are exported" {
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --allow-raw
    [ "${#lines[@]}" -eq 11 ]
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --allow-raw-tag Private
    [[ "$output" == *"The small room has no screen."* ]]
    [[ "$output" != *"Prefer rebase"* ]]
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --allow-raw-tag private --allow-raw-tag git
    [[ "$output" == *"Prefer rebase"* ]]
}

@test "--include-tag and --exclude-tag choose, and the second goes first" {
    run --separate-stderr afs-export-memory --home "$ROOT/examples/home" --include-tag OPS --include-tag team
    [ "${#lines[@]}" -eq 6 ]
    run --separate-stderr afs-export-memory --home "$ROOT/examples/home" --include-tag ops --exclude-tag Beacon
    [ "${#lines[@]}" -eq 2 ]
    [[ "$stderr" == *"(duplicate 1, tag 9)"* ]]
}

@test "--default-instruction is what is asked of texts; without it a title is asked for" {
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home"
    [[ "$output" == *'"instruction":"Recall the memory entry \"How a release goes out\"."'* ]]
    [[ "$output" == *'"instruction":"Recall the following memory entry."'* ]]
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --default-instruction 'What is known?'
    [ "$(grep -c '"instruction":"What is known?"' <<<"$output")" -eq 2 ]
    [[ "$output" != *'"instruction":"Recall the following'* ]]
}

@test "a sample has the question, what stands beside it, the thought, the topic and the time of its entry" {
    afs-export-memory -q --home "$ROOT/examples/home" >out.jsonl
    jq -es 'any(.[]; (.output | test("bastion")) and .input == "The staging database has no public address." and
        .timestamp == "2026-01-25T16:12:00+01:00" and .domain == "memory" and .source == "memory")' out.jsonl
    jq -es 'any(.[]; .output[:14] == "As RFC 3339 in" and .domain == "style" and (.thinking | test("sorts")))' out.jsonl
    [ "$(jq -r 'select(.input == "You keep the team'"'"'s habits.").output' out.jsonl | wc -l)" -eq 2 ]
}

@test "--domain, --unit, --no-thinking, --no-tools, --include-system and --max-tool-output-chars shape the samples" {
    mkdir -p memory
    printf '%s\n' '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"ls","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"0123456789"},{"role":"assistant","content":"a"}]}' >memory/e.json
    afs-export-memory -q --root memory --include-system | jq -e '.messages | length == 4'
    afs-export-memory -q --root memory --no-tools | jq -e '(.messages | length) == 2 and .input == ""'
    afs-export-memory -q --root memory --max-tool-output-chars 4 | jq -e '.input | test("0123\n\\[... 6 more")'
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --no-thinking --domain notes
    [[ "$output" != *'"thinking":"'* && "$output" != *'"domain":"memory"'* && "$output" == *'"domain":"notes"'* ]]
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --unit conversation --subagents include
    [ "${#lines[@]}" -eq 3 ]
}

@test "--since, --until, --limit, --project and --exclude-project choose" {
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --since 2026-02-01 --until 2026-02-05
    [ "${#lines[@]}" -eq 3 ]
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --limit 2
    [ "${#lines[@]}" -eq 2 ]
    mkdir -p app/.context/memory
    printf '{"instruction":"q","output":"a"}\n' >app/.context/memory/e.json
    afs-export-memory -q --root app/.context/memory --project app | jq -e '._metadata.project == "app"'
    run --separate-stderr afs-export-memory --root app/.context/memory --exclude-project app
    [ -z "$output" ]
    [[ "$stderr" == *"1 dropped (project 1)"* ]]
}

@test "--account and --summary tell of every entry, --list exports nothing" {
    afs-export-memory -q --home "$ROOT/examples/home" --account entries.jsonl --summary counts.json -o out.jsonl
    [ "$(wc -l <entries.jsonl)" -eq 12 ]
    grep -q '{"file":"~/.context/memory/notes/ideas.txt","line":1,"sample_id":null,"reason":"raw"}' entries.jsonl
    grep -q '"turns":{"seen":12,"samples":9,"skipped":{"duplicate":1,"raw":2}}' counts.json
    grep -q '"an object without text fields":{"count":1,"first":"~/.context/memory/common/history_memory' counts.json
    run --separate-stderr afs-export-memory -q --home "$ROOT/examples/home" --list --as json
    [ "$(jq .turns <<<"$output")" -eq 12 ]
}

@test "--state writes only what is new, and --reuse all of it" {
    mkdir -p h && cp -R "$ROOT/examples/home/.context" h
    afs-export-memory -q --home h >full.jsonl
    afs-export-memory -q --home h --state s --reuse out.jsonl -o out.jsonl
    cmp full.jsonl out.jsonl
    afs-export-memory -q --home h --state s >nothing.jsonl
    [ ! -s nothing.jsonl ]
    printf '{"id":"new","instruction":"New?","output":"Yes."}\n' >>h/.context/memory/common/entries.jsonl
    afs-export-memory -q --home h --state s >>out.jsonl
    afs-dedupe -q --by id --keep last out.jsonl | jq -r .sample_id | sort >a
    afs-export-memory -q --home h | jq -r .sample_id | sort >b
    cmp a b
}

@test "--known and --rules redact what they name" {
    printf 'bastion\n' >known.txt
    afs-export-memory -q --home "$ROOT/examples/home" --known known.txt | grep -q 'ssh REDACTED_KNOWN_1'
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["bastion"]\nre = "(?P<s>bastion)"\n' >rules.toml
    afs-export-memory -q --home "$ROOT/examples/home" --rules rules.toml | grep -q 'ssh REDACTED_WORD_1'
}

@test "what is damaged is rejected by name, a torn line is counted, and the rest is exported" {
    mkdir -p memory
    printf '%s\n' '{"instruction":"q","output":"a"}' '[1]' >memory/a.jsonl
    printf '{"id":"torn' >>memory/a.jsonl
    printf '{"instruction":"q2","output":"a2"}' >memory/b.json
    run --separate-stderr afs-export-memory --root memory
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ "$stderr" == *"a.jsonl:2: bad record: not-object"* && "$stderr" == *"1 torn (json 1)"* ]]
    run --separate-stderr afs-export-memory --root memory --rejects rejects
    [ "$status" -eq 0 ]
    run --separate-stderr -1 afs-export-memory --root memory --strict
}

@test "two runs give the same bytes" {
    afs-export-memory -q --home "$ROOT/examples/home" >a
    PYTHONHASHSEED=7 afs-export-memory -q --home "$ROOT/examples/home" >b
    cmp a b
}
