#!/usr/bin/env bats
# What a shell sees of the frame that all commands share. The finer points are in tests/pytest/test_run.py.

load helper

@test "a pipe of commands fails when one of them fails and pipefail is set" {
    run --separate-stderr bash -c 'set -o pipefail; echo no | afs-validate 2>/dev/null | afs-validate -q'
    [ "$status" -eq 1 ]
    run --separate-stderr bash -c 'echo no | afs-validate 2>/dev/null | afs-validate -q'
    [ "$status" -eq 0 ]
}

@test "an empty input is no error and gives an empty file" {
    : >empty
    run --separate-stderr afs-validate empty -o out.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-validate: 0 read, 0 written" ]
    [ -f out.jsonl ] && [ ! -s out.jsonl ]
}

@test "a last line without its newline is read and gets one" {
    printf '{"instruction":"a","output":"b"}' >in.jsonl
    run --separate-stderr bash -c 'afs-validate -q in.jsonl | od -c | tail -n 2 | head -n 1'
    [ "$status" -eq 0 ]
    [[ "$output" == *'\n' ]]
}

@test "a missing file stops before anything is written" {
    write_samples a.jsonl
    run --separate-stderr afs-validate a.jsonl nothing.jsonl -o out.jsonl
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [ "$stderr" = "afs-validate: nothing.jsonl: no such file" ]
    [ ! -e out.jsonl ]
}

@test "a damaged file is reported, what it held is used, and the next is read" {
    write_samples a.jsonl
    gzip -c a.jsonl | head -c -3 >torn.gz
    run --separate-stderr afs-validate torn.gz a.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 4 ]
    [ "${stderr_lines[0]}" = "afs-validate: torn.gz: the gzip data ends too early; lines up to 2 were used" ]
}

@test "compressed input is known by its content, compressed output by its name" {
    write_samples a.jsonl
    afs-validate -q a.jsonl -o b.gz
    mv b.gz without-suffix
    run --separate-stderr bash -c 'gzip -t <without-suffix && afs-validate -q without-suffix'
    [ "$status" -eq 0 ]
    [ "$output" = "$(cat a.jsonl)" ]
    afs-validate -q a.jsonl -o b.zst
    run --separate-stderr bash -c 'cat b.zst | afs-validate -q -'
    [ "$status" -eq 0 ]
    [ "$output" = "$(cat a.jsonl)" ]
}

@test "gzip holds no time and no name, so the same lines give the same bytes" {
    write_samples a.jsonl
    afs-validate -q a.jsonl -o one.gz
    sleep 1.1
    afs-validate -q a.jsonl -o two.gz
    cmp one.gz two.gz
}

@test "an input that comes in pieces is one input" {
    write_samples a.jsonl
    run --separate-stderr bash -c '{ head -c 50 a.jsonl; sleep .2; tail -c +51 a.jsonl; cat a.jsonl; } | afs-validate -q'
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
}

@test "a killed run leaves the old file, and the next one cleans up" {
    write_samples a.jsonl
    cp a.jsonl out.jsonl
    mkfifo slow
    afs-validate -q slow -o out.jsonl &
    run_pid=$!
    exec 5>slow
    printf '{"instruction":"new","output":"x"}\n' >&5
    until compgen -G '.out.jsonl.*.afs-part' >/dev/null; do sleep .02; done
    kill -KILL "$run_pid"
    wait "$run_pid" || true
    exec 5>&-
    cmp a.jsonl out.jsonl
    compgen -G '.out.jsonl.*.afs-part'
    afs-validate -q a.jsonl -o out.jsonl
    run ! compgen -G '.out.jsonl.*.afs-part'
}

@test "two runs on one name both end well" {
    write_samples a.jsonl
    afs-validate -q a.jsonl -o out.jsonl &
    first=$!
    afs-validate -q a.jsonl -o out.jsonl
    wait "$first"
    cmp a.jsonl out.jsonl
    run ! compgen -G '.*.afs-part'
}

@test "names with spaces, newlines and dashes" {
    write_samples $'a b\nc.jsonl'
    cp $'a b\nc.jsonl' ./-x
    run --separate-stderr afs-validate -q $'a b\nc.jsonl' ./-x -o "out put"
    [ "$status" -eq 0 ]
    [ "$(wc -l <'out put')" -eq 4 ]
    run --separate-stderr afs-validate -q -- -x
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
}

@test "a command of the checkout runs and not an installed one" {
    run --separate-stderr bash -c 'command -v afs-validate afs'
    [ "${lines[0]}" = "$ROOT/bin/afs-validate" ]
    [ "${lines[1]}" = "$ROOT/scripts/afs" ]
}
