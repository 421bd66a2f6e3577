#!/usr/bin/env bats
# The shell contract of afs-dedupe.

load helper

# Five lines: the third says what the first says, the fifth has the id of the second.
write_twins() {
    printf '%s\n' \
        '{"sample_id":"a","instruction":"q","input":"","output":"caf\u00e9","timestamp":"1"}' \
        '{"sample_id":"b","instruction":"r","output":"yes"}' \
        '{ "output":"café", "instruction":"q", "sample_id":"c", "timestamp":"2", "quality_score":1 }' \
        '{"sample_id":"d","instruction":"s","output":"yes"}' \
        '{"sample_id":"b","instruction":"t","output":"no"}' >"$1"
}

ids() { grep -o '"sample_id":"[^"]*"' | cut -d '"' -f 4 | tr -d '\n'; }

@test "the first of equal contents stays, byte for byte; ids, times, key order and escapes do not count" {
    write_twins in.jsonl
    run --separate-stderr afs-dedupe in.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-dedupe: 5 read, 4 written, 1 dropped (duplicate 1)" ]
    sed 3d in.jsonl | cmp - <(afs-dedupe -q in.jsonl)
}

@test "with --keep last the last one stays, where it stands" {
    write_twins in.jsonl
    sed 1d in.jsonl >expected
    afs-dedupe -q --keep last in.jsonl | cmp - expected
    afs-dedupe -q --keep last <in.jsonl | cmp - expected
    cat in.jsonl | afs-dedupe -q --keep last | cmp - expected
    gzip -c in.jsonl >in.jsonl.gz
    afs-dedupe -q --keep last in.jsonl.gz | cmp - expected
    afs-dedupe -q --keep last <(cat in.jsonl) | cmp - expected
    afs-dedupe -q --keep last --by content -i in.jsonl -o in.jsonl
    cmp in.jsonl expected
}

@test "--by id goes by the sample_id alone" {
    write_twins in.jsonl
    sed 5d in.jsonl | cmp - <(afs-dedupe -q --by id in.jsonl)
    sed 2d in.jsonl | cmp - <(afs-dedupe -q --by id --keep last in.jsonl)
    sed 2d in.jsonl | cmp - <(afs-dedupe -q --by id --keep last <in.jsonl)
}

@test "several inputs are one" {
    write_twins in.jsonl
    head -n 2 in.jsonl >a
    tail -n 3 in.jsonl >b
    afs-dedupe -q a b | cmp - <(afs-dedupe -q in.jsonl)
    afs-dedupe -q --keep last -i a -i b | cmp - <(afs-dedupe -q --keep last in.jsonl)
    afs-dedupe -q --keep last a - <b | cmp - <(afs-dedupe -q --keep last in.jsonl)
    afs-dedupe -q a a b b | cmp - <(afs-dedupe -q in.jsonl)
    afs-dedupe -q --keep last a b b | cmp - <(afs-dedupe -q --keep last in.jsonl)
}

@test "what is dropped goes to --dropped with the reason" {
    write_twins in.jsonl
    for keep in first last; do
        afs-dedupe -q --keep $keep --dropped dropped.jsonl in.jsonl --summary s.json >out
        [ "$(wc -l <dropped.jsonl)" -eq 1 ]
        grep -q '"_dropped":"duplicate"}$' dropped.jsonl
        grep -q '"read":5,"written":4,"rejected":0,"reject_reasons":{},"dropped":{"duplicate":1}' s.json
    done
    [ "$(ids <dropped.jsonl)" = a ]
}

@test "a record without what is compared is no duplicate but unusable" {
    write_twins in.jsonl
    printf '%s\n' '{"instruction":"x"}' '{"instruction":"x"}' '{"instruction":"x","output":"","messages":[1]}' >>in.jsonl
    for keep in first last; do
        run --separate-stderr afs-dedupe --keep $keep in.jsonl
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 4 ]
        [[ "$stderr" == *"in.jsonl:6: field 'output' is missing;"* ]]
        [[ "$stderr" == *"in.jsonl:8: messages[0] must be an object;"* ]]
        [[ "$stderr" == *"8 read, 4 written, 1 dropped (duplicate 1), 3 rejected (not-sample 3)" ]]
    done
    printf '%s\n' '{"sample_id":""}' '{"sample_id":""}' '{"sample_id":7}' '{}' >in.jsonl
    run --separate-stderr afs-dedupe --by id in.jsonl --rejects bad.jsonl --rejects-text --max-reject 0.5
    [ "$status" -eq 3 ]
    [ "$(grep -c '"reason":"no-id"' bad.jsonl)" -eq 4 ]
}

@test "lines that cannot be used do not move the others in the second pass" {
    write_twins good
    printf '%s\n' '' 'bad' '[]' '   ' >bad
    printf '%500s\n' '' | tr ' ' x >long
    cat bad good long bad good bad >in.jsonl
    printf '{"sample_id":"z","instruction":"last","output":"without a newline"}' >>in.jsonl
    run --separate-stderr afs-dedupe --keep last --max-record 300 --rejects r.jsonl in.jsonl -o out.jsonl
    [ "$status" -eq 0 ]
    [ "$(ids <out.jsonl)" = bcdbz ]
    [[ "$stderr" == "afs-dedupe: 18 read, 5 written, 6 dropped (duplicate 6), 7 rejected (json 3, not-object 3, too-long 1)" ]]
    afs-dedupe -q --keep last --max-record 300 --rejects r2.jsonl <in.jsonl | cmp - out.jsonl
}

@test "a packed file that ends too early is used as far as it goes" {
    write_twins in.jsonl
    for _ in {1..2000}; do cat in.jsonl; done | gzip -c >whole.gz
    head -c "$(($(wc -c <whole.gz) / 2))" whole.gz >torn.gz
    for keep in first last; do
        run --separate-stderr afs-dedupe --keep $keep torn.gz
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 4 ]
        [[ "$stderr" == *"torn.gz: the gzip data"* ]]
    done
}

@test "a full or missing scratch folder is said with the way out, and nothing appears" {
    write_twins in.jsonl
    export TMPDIR="$PWD/none"
    run --separate-stderr afs-dedupe --keep last in.jsonl -o out.jsonl
    [ "$status" -eq 1 ]
    [ "$stderr" = "afs-dedupe: $TMPDIR: no such file or directory; set TMPDIR to a folder with room for a copy" ]
    [ ! -e out.jsonl ]
    mkdir "$TMPDIR"
    for _ in {1..4000}; do cat in.jsonl; done >big.jsonl
    run --separate-stderr bash -c 'ulimit -f 512; afs-dedupe --keep last -o out.jsonl <big.jsonl'
    [ "$status" -eq 1 ]
    [ "$stderr" = "afs-dedupe: $TMPDIR: file too large; set TMPDIR to a folder with room for a copy" ]
    [ -z "$(ls -A "$TMPDIR")" ]
    [ ! -e out.jsonl ]
}

@test "scratch has no name while it is used" {
    write_twins in.jsonl
    export TMPDIR="$PWD/scratch"
    mkdir scratch
    mkfifo fifo
    afs-dedupe -q --keep last <fifo >out &
    exec 7>fifo
    cat in.jsonl >&7
    sleep 0.5
    ls -A scratch >seen
    exec 7>&-
    wait
    [ ! -s seen ]
    [ "$(ids <out)" = bcdb ]
}

@test "what cannot be read is said, and the rest is still compared" {
    write_twins in.jsonl
    : >empty.jsonl
    for keep in first last; do
        run --separate-stderr afs-dedupe --keep $keep empty.jsonl
        [ "$status" -eq 0 ]
        [ "$stderr" = "afs-dedupe: 0 read, 0 written" ]
        run afs-dedupe --keep $keep nothing.jsonl in.jsonl
        [ "$status" -eq 2 ]
        run afs-dedupe --keep $keep .
        [ "$status" -eq 2 ]
        run --separate-stderr afs-dedupe --keep $keep in.jsonl <(printf '{"instruction":"u","output":"\377"}\n')
        [ "$status" -eq 1 ]
        [ "${#lines[@]}" -eq 4 ]
        [[ "$stderr" == *"invalid UTF-8"* ]]
        run afs-dedupe --keep $keep --strict in.jsonl - -o out.jsonl <<<'x'
        [ "$status" -eq 1 ]
        [ ! -e out.jsonl ]
    done
    run afs-dedupe --keep middle in.jsonl
    [ "$status" -eq 2 ]
    run afs-dedupe --by line in.jsonl
    [ "$status" -eq 2 ]
}

@test "--by id lets go of what an exporter has taken back since, --by content knows nothing of it" {
    write_samples two.jsonl
    printf '%s\n' '{"sample_id":"a","instruction":"","output":"","_metadata":{"flags":["withdrawn"]}}' >gone.jsonl
    run --separate-stderr afs-dedupe --by id --keep last two.jsonl gone.jsonl
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" == *'"sample_id":"b"'* ]]
    [[ "$stderr" == *"2 dropped (duplicate 1, withdrawn 1)"* ]]
    run --separate-stderr afs-dedupe --by id gone.jsonl
    [ -z "$output" ]
    run --separate-stderr afs-dedupe gone.jsonl
    [ "${#lines[@]}" -eq 1 ]
}
