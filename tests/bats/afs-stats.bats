#!/usr/bin/env bats
# The shell contract of afs-stats.

load helper

@test "a table comes out by default" {
    run --separate-stderr afs-stats "$ROOT/examples/samples.jsonl"
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" =~ ^samples\ +12$ ]]
    [[ "$output" == *"tool_failed"* ]]
    [ "$stderr" = "afs-stats: 12 read" ]
}

@test "--as json is one object, also into a file" {
    afs-stats -q --as json <"$ROOT/examples/samples.jsonl" >a.json
    run --separate-stderr afs-stats --as json -o b.json -i "$ROOT/examples/samples.jsonl" --summary s.json
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    cmp a.json b.json
    python3 -c 'import json; assert json.load(open("a.json"))["sources"]["codex"] == 3'
    grep -q '"command":"afs-stats".*"read":12' s.json
}

@test "empty input is counted as nothing" {
    run --separate-stderr afs-stats </dev/null
    [ "$status" -eq 0 ]
    [[ "${lines[0]}" =~ ^samples\ +0$ ]]
}

@test "a missing file, a folder and an unknown option or style are usage errors" {
    for bad in none.jsonl . --fromat --as=csv; do
        run --separate-stderr afs-stats "$bad"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [[ "$stderr" == "afs-stats: "* ]]
    done
}

@test "an unreadable file is a usage error" {
    [ "$(id -u)" -ne 0 ] || skip "root reads every file"
    write_samples in.jsonl
    chmod 000 in.jsonl
    run --separate-stderr afs-stats in.jsonl
    [ "$status" -eq 2 ]
}

@test "bad records are named and left out of the figures" {
    write_samples in.jsonl
    {
        cat in.jsonl
        printf '%s\n' '{"instruction":' '[1]' '{"instruction":"q","output":null}' '{"instruction":"q","output":"a","quality_score":7}'
        printf '{"instruction":"\xff","output":"a"}'
    } >mixed.jsonl
    run --separate-stderr afs-stats mixed.jsonl
    [ "$status" -eq 1 ]
    [[ "${lines[0]}" =~ ^samples\ +2$ ]]
    [[ "$stderr" == *"mixed.jsonl:5: field 'output' must be a string, not null"* ]]
    [[ "$stderr" == *"mixed.jsonl:6: field 'quality_score' must be from 0 to 1"* ]]
    [[ "$stderr" == *"7 read, 5 rejected (json 1, not-object 1, not-sample 2, utf8 1)" ]]
    run --separate-stderr afs-stats --rejects bad.jsonl --rejects-text mixed.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <bad.jsonl)" -eq 5 ]
}

@test "--strict stops at the first bad record and writes nothing" {
    echo '[1]' >in.jsonl
    run --separate-stderr afs-stats --strict -o out.txt in.jsonl
    [ "$status" -eq 1 ]
    [ ! -e out.txt ]
}

@test "of two inputs of which one is damaged the other is counted" {
    write_samples in.jsonl
    gzip -c in.jsonl | head -c 40 >cut.gz
    run --separate-stderr afs-stats cut.gz in.jsonl
    [ "$status" -eq 1 ]
    [[ "${lines[0]}" =~ ^samples\ +2$ ]]
}

@test "a reader that goes away ends it quietly" {
    # shellcheck disable=SC2016 # the inner shell expands it
    run --separate-stderr bash -c 'afs-stats -q "$ROOT/examples/samples.jsonl" | head -1; echo "${PIPESTATUS[0]}"'
    [[ "${lines[1]}" =~ ^(0|141)$ ]]
    [ -z "$stderr" ]
}
