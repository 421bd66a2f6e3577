#!/usr/bin/env bats
# The shell contract of afs-validate.

load helper

@test "good records come out byte for byte" {
    printf '{ "output":"\\u00e9", "instruction" : "\xe2\x80\xa8", "n":1.000000000000000000000001 }\r\n' >in.jsonl
    run --separate-stderr afs-validate in.jsonl -o out.jsonl
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$stderr" = "afs-validate: 1 read, 1 written" ]
    cmp in.jsonl out.jsonl
}

@test "the examples are samples" {
    run --separate-stderr afs-validate --check -q "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
}

@test "a record that is no sample is named with file, line and field, never with its value" {
    write_samples in.jsonl
    printf '{"instruction":"secret words","output":["x"]}\n' >>in.jsonl
    run --separate-stderr afs-validate in.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    [ "${stderr_lines[0]}" = "afs-validate: in.jsonl:3: field 'output' must be a string, not an array; use --rejects FILE to collect such records" ]
    [ "${stderr_lines[1]}" = "afs-validate: 3 read, 2 written, 1 rejected (not-sample 1)" ]
    [[ "$stderr" != *secret* ]]
}

@test "rejects make it a success, with the text only if asked" {
    printf '{"instruction":"a"}\n{"instruction":"b","output":"c"}\n' >in.jsonl
    run --separate-stderr afs-validate -q -i in.jsonl --rejects bad.jsonl
    [ "$status" -eq 0 ]
    [ "$output" = '{"instruction":"b","output":"c"}' ]
    [ -z "$stderr" ]
    run ! grep -q '"text"' bad.jsonl
    grep -q '"file":"in.jsonl","line":1,"offset":0,"length":19,"reason":"not-sample"' bad.jsonl
    run --separate-stderr afs-validate -q -i in.jsonl --rejects bad.jsonl --rejects-text
    grep -qF '"text":"{\"instruction\":\"a\"}"' bad.jsonl
}

@test "--check writes nothing and answers with its status" {
    write_samples good.jsonl
    run --separate-stderr afs-validate --check good.jsonl
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$stderr" = "afs-validate: 2 read, 0 written" ]
    { cat good.jsonl; echo '{}'; } >bad.jsonl
    run --separate-stderr afs-validate --check bad.jsonl
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [[ "${stderr_lines[0]}" == "afs-validate: bad.jsonl:3: field 'instruction' is missing"* ]]
}

@test "--check with rejects, with strict, and on a damaged file" {
    printf '{}\nno\n' >bad.jsonl
    run --separate-stderr afs-validate -q --check bad.jsonl --rejects r.jsonl
    [ "$status" -eq 3 ]
    [ "$(wc -l <r.jsonl)" -eq 2 ]
    run --separate-stderr afs-validate -q --check --strict bad.jsonl
    [ "$status" -eq 3 ]
    [ "${#stderr_lines[@]}" -eq 1 ]
    write_samples good.jsonl
    gzip -c good.jsonl | head -c 40 >torn.gz
    run --separate-stderr afs-validate -q --check torn.gz bad.jsonl
    [ "$status" -eq 1 ]
    run --separate-stderr afs-validate --check -o out.jsonl good.jsonl
    [ "$status" -eq 2 ]
    [ ! -e out.jsonl ]
}

@test "the summary counts" {
    printf '{}\nno\n{"instruction":"a","output":"b"}\n' >in.jsonl
    run --separate-stderr afs-validate -q in.jsonl --summary s.json -o out.jsonl
    [ "$status" -eq 1 ]
    grep -q '"read":3,"written":1,"rejected":2,"reject_reasons":{"json":1,"not-sample":1}' s.json
}

@test "in place is safe, also behind a pipe" {
    write_samples in.jsonl
    cp in.jsonl copy.jsonl
    run --separate-stderr bash -c 'cat in.jsonl | afs-validate -q -o in.jsonl && afs-validate -q in.jsonl -o in.jsonl'
    [ "$status" -eq 0 ]
    cmp in.jsonl copy.jsonl
}
