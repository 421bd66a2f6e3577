#!/usr/bin/env bats
# The shell contract of afs-convert.

load helper

@test "each documented format gives one line a sample" {
    for format in alpaca sharegpt openai; do
        run --separate-stderr afs-convert --format "$format" "$ROOT/examples/samples.jsonl"
        [ "$status" -eq 0 ]
        [ "${#lines[@]}" -eq 12 ]
    done
    [[ "${lines[0]}" == '{"messages":[{"role":"user","content":"The test for the parser fails'* ]]
}

@test "alpaca is the format without --format" {
    write_samples in.jsonl
    run --separate-stderr afs-convert in.jsonl
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = '{"instruction":"What is 2+2?","input":"","output":"2+2 is 4."}' ]
    [ "$stderr" = "afs-convert: 2 read, 2 written" ]
}

@test "what was lost is said in the closing line and in the summary" {
    run --separate-stderr afs-convert --format sharegpt -o out.jsonl --summary s.json "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ "$stderr" = "afs-convert: 12 read, 12 written, 4 lost (call_text 2, thinking 2)" ]
    grep -q '"lost":{"call_text":2,"thinking":2},"adapted":{}' s.json
    [ "$(wc -l <out.jsonl)" -eq 12 ]
}

@test "-q says nothing" {
    run --separate-stderr afs-convert -q "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
}

@test "--list names every format and what it leaves out" {
    run --separate-stderr afs-convert --list
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 3 ]
    [ "${lines[1]}" = "openai    messages and tools, as the provider's fine-tuning takes them; leaves out: thinking" ]
    [ -z "$stderr" ]
}

@test "an unknown format is a usage error that names the near and the known ones" {
    write_samples in.jsonl
    run --separate-stderr afs-convert --format sharegtp -o out.jsonl in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == "afs-convert: no format 'sharegtp'; did you mean sharegpt? known: alpaca, openai, sharegpt;"* ]]
    [ ! -e out.jsonl ]
}

@test "a missing file, a folder and an unknown option are usage errors" {
    for bad in none.jsonl . --fromat; do
        run --separate-stderr afs-convert "$bad"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [[ "$stderr" == *"$bad"* ]]
    done
}

@test "an unreadable file is a usage error" {
    [ "$(id -u)" -ne 0 ] || skip "root reads every file"
    write_samples in.jsonl
    chmod 000 in.jsonl
    run --separate-stderr afs-convert in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"in.jsonl: cannot be read"* ]]
}

@test "an empty file gives nothing, and a missing last newline costs nothing" {
    : >empty.jsonl
    run --separate-stderr afs-convert empty.jsonl
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    write_samples in.jsonl
    printf '%s' "$(cat in.jsonl)" >torn.jsonl
    [ "$(afs-convert -q torn.jsonl)" = "$(afs-convert -q in.jsonl)" ]
}

@test "bad records are named by line and the good ones are written" {
    write_samples in.jsonl
    {
        cat in.jsonl
        printf '%s\n' '{"instruction":' '[1]' '{"instruction":5,"output":"a"}'
        printf '{"instruction":"\xff","output":"a"}\n'
        printf '%s\n' '{"instruction":"q","output":"a","messages":[{"role":"bot","content":""}]}'
    } >mixed.jsonl
    run --separate-stderr afs-convert --format openai mixed.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ "$stderr" == *"mixed.jsonl:3: not JSON"* ]]
    [[ "$stderr" == *"mixed.jsonl:4: not a JSON object"* ]]
    [[ "$stderr" == *"mixed.jsonl:5: field 'instruction' must be a string, not a number"* ]]
    [[ "$stderr" == *"mixed.jsonl:6: invalid UTF-8"* ]]
    [[ "$stderr" == *"mixed.jsonl:7: messages[0].role must be one of"* ]]
    [[ "$stderr" == *"2 written, 5 rejected (json 1, not-object 1, not-sample 2, utf8 1)" ]]
}

@test "with --rejects bad records are rows and the run is a success" {
    write_samples in.jsonl
    echo '{"instruction":"q","output":""}' >>in.jsonl
    run --separate-stderr afs-convert --rejects bad.jsonl --rejects-text in.jsonl
    [ "$status" -eq 0 ]
    grep -q '"line":3,.*"reason":"no-answer".*"text":' bad.jsonl
    run --separate-stderr afs-convert --rejects bad.jsonl --max-reject 0.1 in.jsonl
    [ "$status" -eq 3 ]
}

@test "--strict stops at the first bad record and leaves the old file" {
    write_samples in.jsonl
    echo '{' >>in.jsonl
    echo old >out.jsonl
    run --separate-stderr afs-convert --strict -o out.jsonl in.jsonl
    [ "$status" -eq 1 ]
    [ "$(cat out.jsonl)" = old ]
}

@test "of two inputs of which one is damaged the other is written" {
    write_samples in.jsonl
    gzip -c in.jsonl | head -c 40 >cut.gz
    run --separate-stderr afs-convert cut.gz -i in.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ "$stderr" == *"cut.gz: the gzip data ends too early"* ]]
}

@test "a reader that goes away ends it quietly" {
    for _ in {1..400}; do cat "$ROOT/examples/samples.jsonl"; done >many.jsonl
    # shellcheck disable=SC2016 # the inner shell expands it
    run --separate-stderr bash -c 'afs-convert many.jsonl | head -1; echo "${PIPESTATUS[0]}"'
    [ "${lines[1]}" = 141 ]
    [ -z "$stderr" ]
}
