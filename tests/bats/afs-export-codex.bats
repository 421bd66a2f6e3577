load helper

@test "the examples give one sample a human turn, and the closing line accounts for all of them" {
    run --separate-stderr afs-export-codex --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 27 ]
    [[ "$stderr" == "afs-export-codex: 31 read, 27 written, 4 dropped (imported 1, interrupted 1, replayed 1, rolled-back 1), "*" redacted ("* ]]
}

@test "what it writes are samples" {
    afs-export-codex -q --home "$ROOT/examples/home" >codex.jsonl
    run --separate-stderr afs-validate --check codex.jsonl
    [ "$status" -eq 0 ]
}

@test "no planted secret leaves it, and nothing of the home it came from" {
    run --separate-stderr afs-export-codex --home "$ROOT/examples/home"
    [ "$status" -eq 0 ]
    for secret in AKIA"IOSFODNN7" wJalrXUtnFEMI swallow-9-brick marmot.Kettle.41 plover-anvil-77 /home/dana /Users/dana; do
        [[ "$output" != *"$secret"* ]]
    done
}

@test "--no-redact writes them as they stand" {
    run --separate-stderr afs-export-codex --no-redact --home "$ROOT/examples/home"
    [[ "$output" == *AKIA"IOSFODNN7EXAMPLE"* ]]
}

@test "injected context, commentary and taken-back turns are in no instruction and no output" {
    afs-export-codex -q --no-redact --home "$ROOT/examples/home" >codex.jsonl
    run -1 grep -c '"instruction":"[^"]*<environment_context>' codex.jsonl
    run -1 grep -c '"instruction":"# Context from my IDE' codex.jsonl
    run -1 grep -c 'haiku' codex.jsonl
    grep -q '"instruction":"Why does sendReceipt retry forever when the SMTP server says 550?"' codex.jsonl
}

@test "a file with --output is private and the old one stays when the run fails" {
    printf 'old\n' >codex.jsonl
    run -2 afs-export-codex --home missing -o codex.jsonl
    [[ "$output" == *"missing: no such folder"* ]]
    [ "$(cat codex.jsonl)" = old ]
    rm codex.jsonl
    afs-export-codex -q --home "$ROOT/examples/home" -o codex.jsonl
    [ "$(find . -name codex.jsonl -perm 600)" = ./codex.jsonl ]
}

@test "the user's own home is the default, and one without logs is a clear line" {
    run --separate-stderr afs-export-codex
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == "afs-export-codex: no codex logs under $HOME/.codex; nothing to do" ]]
}

@test "--account has a row for every turn, --summary the same numbers" {
    afs-export-codex -q --home "$ROOT/examples/home" --account turns.jsonl --summary counts.json -o codex.jsonl
    [ "$(wc -l <turns.jsonl)" -eq 31 ]
    [ "$(grep -c '"reason":null' turns.jsonl)" -eq 27 ]
    grep -q '"turns":{"seen":31,"samples":27,"skipped":{"imported":1,"interrupted":1,"replayed":1,"rolled-back":1}}' counts.json
    grep -q '"file":"~/.codex/sessions/2025/08/14/' turns.jsonl
}

@test "--limit, --project, --exclude-project and --root choose" {
    run --separate-stderr afs-export-codex -q --root "$ROOT/examples/home/.codex" --limit 2
    [ "${#lines[@]}" -eq 2 ]
    run --separate-stderr afs-export-codex -q --home "$ROOT/examples/home" --project '~/src/*' --exclude-project shop-api
    [ "${#lines[@]}" -eq 12 ]
}

@test "--unit, --no-tools, --no-thinking, --max-tool-output-chars and --domain shape the samples" {
    run --separate-stderr afs-export-codex -q --home "$ROOT/examples/home" --unit conversation --domain shell
    [ "${#lines[@]}" -eq 9 ]
    [[ "${lines[0]}" == *'"domain":"shell"'* ]]
    run --separate-stderr afs-export-codex -q --home "$ROOT/examples/home" --no-tools --no-thinking
    [[ "$output" != *'"role":"tool"'* && "$output" != *'"function"'* && "$output" != *'"thinking":"'* ]]
    run --separate-stderr afs-export-codex -q --home "$ROOT/examples/home" --max-tool-output-chars 20 --limit 2
    [[ "$output" == *'more characters]'* ]]
}

@test "a torn last line is counted, and an error with --strict" {
    mkdir -p .codex/sessions
    log=.codex/sessions/rollout-2025-08-14T09-12-44-3f0c1a52-7b1e-4c9d-9a10-0000000000a1.jsonl
    cp "$ROOT/examples/home/.codex/sessions/2025/08/14/"*.jsonl "$log"
    printf '{"type":"mess' >>"$log"
    run --separate-stderr afs-export-codex --home .
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
    [[ "$stderr" == *"1 torn (json 1)"* ]]
    run --separate-stderr -1 afs-export-codex --home . --strict
    [[ "$stderr" == *"torn record: json"* ]]
}

@test "a compressed rollout and one named on the command line are read" {
    log=$(printf '%s' "$ROOT/examples/home/.codex/sessions/2025/08/22/"*.jsonl)
    mkdir -p h/.codex/sessions
    python3 -c 'import sys, zstandard; sys.stdout.buffer.write(zstandard.compress(open(sys.argv[1], "rb").read()))' \
        "$log" >"h/.codex/sessions/$(basename "$log").zst"
    afs-export-codex -q --home h >zst.jsonl
    afs-export-codex -q "$log" >plain.jsonl
    [ "$(wc -l <plain.jsonl)" -eq 3 ]
    cmp zst.jsonl plain.jsonl
}

@test "--known and --rules redact what they name, and a home of one's own makes its owner known" {
    printf 'forecast\n' >known.txt
    afs-export-codex -q --home "$ROOT/examples/home" | grep -q '\bforecast\b'
    afs-export-codex -q --home "$ROOT/examples/home" --known known.txt >out.jsonl
    grep -q REDACTED_KNOWN_1 out.jsonl
    ! grep -q '\bforecast\b' out.jsonl || return 1
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["forecast"]\nre = "(?P<s>forecast)"\n' >rules.toml
    afs-export-codex -q --home "$ROOT/examples/home" --rules rules.toml | grep -q REDACTED_WORD_1
    run --separate-stderr -2 afs-export-codex --home "$ROOT/examples/home" --rules nowhere.toml
    [ "$stderr" = "afs-export-codex: nowhere.toml: no such file or directory" ]
    run --separate-stderr -2 afs-export-codex --home "$ROOT/examples/home" --known known.txt --no-redact
    [[ "$stderr" == *"--no-redact leaves nothing to do for --known and --rules"* ]]
    cp -R "$ROOT/examples/home/.codex" "$HOME"
    export ACME_API_TOKEN=xq-forecast-7Plum
    mkdir -p sub && cp -R "$HOME/.codex" sub
    sed -i 's/\bforecast\b/xq-forecast-7Plum/g' $(find "$HOME" sub -name '*.jsonl')
    ! afs-export-codex -q | grep -q 7Plum || return 1
    afs-export-codex -q --home sub | grep -q 7Plum
}

@test "the one document of the first generation is read, and what was imported from another agent is not" {
    root="$ROOT/examples/home/.codex"
    run --separate-stderr afs-export-codex "$root"/sessions/rollout-2025-04-20-*.json
    [ "${#lines[@]}" -eq 2 ]
    [[ "${lines[1]}" == *'"output":"Only `set -e`. A variable with a typing error would still pass as empty."'* ]]
    run --separate-stderr afs-export-codex "$root"/sessions/2026/08/31/*.jsonl
    [ "${#lines[@]}" -eq 1 ]
    [[ "$stderr" == *"1 dropped (imported 1)"* ]]
}

@test "two runs give the same bytes" {
    afs-export-codex -q --home "$ROOT/examples/home" >a
    PYTHONHASHSEED=7 afs-export-codex -q --home "$ROOT/examples/home" >b
    cmp a b
}

@test "an unknown option is exit 2 with nothing on stdout" {
    run --separate-stderr -2 afs-export-codex --unknown
    [ -z "$output" ]
    [[ "$stderr" == *"unrecognized arguments: --unknown"* ]]
}
