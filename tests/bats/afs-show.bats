#!/usr/bin/env bats
# The shell contract of afs-show.

load helper

@test "the first three samples are shown as text" {
    run --separate-stderr afs-show "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "== 1  231971d8d66b  codex  gpt-5-codex" ]
    [ "$(grep -c '^== ' <<<"$output")" -eq 3 ]
    [ "$stderr" = "afs-show: 3 read, 3 shown" ]
}

@test "tools are folded to a line, and --full unfolds them" {
    run --separate-stderr afs-show -n 1 "$ROOT/examples/samples.jsonl"
    [[ "$output" == *'[call shell] {"command":["pytest","-q","tests/test_lines.py"]}'* ]]
    run --separate-stderr afs-show -n 1 --full "$ROOT/examples/samples.jsonl"
    [[ "$output" == *$'[call shell]\n  {"command":["pytest","-q","tests/test_lines.py"]}'* ]]
}

@test "--id finds by prefix and may be repeated" {
    run --separate-stderr afs-show --id 231971d8 --id 6508df15 "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^== ' <<<"$output")" -eq 2 ]
    run --separate-stderr afs-show --id nothing "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 3 ]
    [ -z "$output" ]
}

@test "--seed gives the same choice each time" {
    run --separate-stderr afs-show -n 5 --seed 7 "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^== ' <<<"$output")" -eq 5 ]
    [ "$output" = "$(afs-show -q -n 5 --seed 7 - <"$ROOT/examples/samples.jsonl")" ]
}

@test "terminal codes in the data come out escaped" {
    printf '{"instruction":"\\u001b[31mred","output":"\\u0007"}\n' >in.jsonl
    run --separate-stderr afs-show in.jsonl
    [ "$status" -eq 0 ]
    [[ "$output" == *'\x1b[31mred'*'\x07'* ]]
    [[ "$output" != *$'\x1b'* ]]
}

@test "text goes to a file whole, with a summary" {
    run --separate-stderr afs-show -n 2 -o out.txt --summary s.json "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$(grep -c '^== ' out.txt)" -eq 2 ]
    grep -q '"shown":2' s.json
}

@test "empty input shows nothing" {
    run --separate-stderr afs-show </dev/null
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "a missing file, a folder and an unknown option are usage errors" {
    for bad in none.jsonl . --fulll; do
        run --separate-stderr afs-show "$bad"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [[ "$stderr" == *"$bad"* ]]
    done
}

@test "an unreadable file is a usage error" {
    [ "$(id -u)" -ne 0 ] || skip "root reads every file"
    write_samples in.jsonl
    chmod 000 in.jsonl
    run --separate-stderr afs-show in.jsonl
    [ "$status" -eq 2 ]
}

@test "bad records are named and the good ones shown" {
    {
        printf '%s\n' '{"instruction":' '[1]' '{"instruction":"q"}'
        printf '{"instruction":"\xff","output":"a"}\n'
        printf '{"instruction":"fine","output":"a"}'
    } >mixed.jsonl
    run --separate-stderr afs-show mixed.jsonl
    [ "$status" -eq 1 ]
    [[ "$output" == *"fine"* ]]
    [[ "$stderr" == *"mixed.jsonl:1: not JSON"* ]]
    [[ "$stderr" == *"mixed.jsonl:2: not a JSON object"* ]]
    [[ "$stderr" == *"mixed.jsonl:3: field 'output' is missing"* ]]
    [[ "$stderr" == *"mixed.jsonl:4: invalid UTF-8"* ]]
    run --separate-stderr afs-show --rejects bad.jsonl --rejects-text mixed.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <bad.jsonl)" -eq 4 ]
    run --separate-stderr afs-show --strict mixed.jsonl
    [ "$status" -eq 1 ]
    [ -z "$output" ]
}

@test "of two inputs of which one is damaged the other is shown" {
    write_samples in.jsonl
    gzip -c in.jsonl | head -c 40 >cut.gz
    run --separate-stderr afs-show cut.gz in.jsonl
    [ "$status" -eq 1 ]
    [ "$(grep -c '^== ' <<<"$output")" -eq 2 ]
}

@test "a reader that goes away ends it quietly" {
    for _ in {1..400}; do cat "$ROOT/examples/samples.jsonl"; done >many.jsonl
    # shellcheck disable=SC2016 # the inner shell expands it
    run --separate-stderr bash -c 'afs-show -n 4000 many.jsonl | head -1; echo "${PIPESTATUS[0]}"'
    [ "${lines[0]}" = "== 1  231971d8d66b  codex  gpt-5-codex" ]
    [ "${lines[1]}" = 141 ]
    [ -z "$stderr" ]
}
