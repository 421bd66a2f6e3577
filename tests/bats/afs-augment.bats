#!/usr/bin/env bats
# The shell contract of afs-augment.

load helper

write_requests() {
    printf '%s\n' \
        '{"sample_id":"a", "instruction":"Fix the bug in `a b`.","input":"","output":"caf\u00e9","_metadata":{"group":"g","flags":[]}}' \
        '{"sample_id":"b","instruction":"Run the tests.","output":"ok","messages":null}' \
        '{"sample_id":"c","instruction":"Write a poem about 3 cats.","output":"meow","quality_score":0.50}' \
        '{"sample_id":"d","instruction":"Fix den Fehler.","output":"ja"}' >"$1"
}

ids() { grep -o '"sample_id":"[^"]*"' | cut -d '"' -f 4 | tr '\n' ' '; }

@test "each sample stays as it is, and its variants stand behind it" {
    write_requests in.jsonl
    run --separate-stderr afs-augment in.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-augment: 4 read, 8 written, 2 unvaried (language 1, other 1), 4 variants (fix 2, write 2)" ]
    grep -v '"parent_id"' <<<"$output" | cmp - in.jsonl
    [ "$(grep -o '"parent_id":"[^"]*"' <<<"$output" | cut -d '"' -f 4 | tr -d '\n')" = aacc ]
    [ "$(sed -n 1p <<<"$output")" = "$(sed -n 1p in.jsonl)" ]
    [ "$(sed -n 4p <<<"$output")" = "$(sed -n 2p in.jsonl)" ]
    [ "$(grep -c '`a b`' <<<"$output")" -eq 3 ]
    afs-augment -q in.jsonl | afs-validate -q >/dev/null
}

@test "a variant has an id of its own, its parent, its group and a flag; the rest is kept" {
    write_requests in.jsonl
    afs-augment -q --only --variants 1 in.jsonl >out
    grep -q '"output":"café","_metadata":{"group":"g","flags":\["augmented"\],"parent_id":"a"}}' <(sed -n 1p out)
    grep -q '"quality_score":0.5,"_metadata":{"group":"c","flags":\["augmented"\],"parent_id":"c"}}' <(sed -n 2p out)
    [ "$(ids <out | wc -w)" -eq 2 ]
    [[ "$(ids <out)" =~ ^[0-9a-f]{32}\ [0-9a-f]{32}\ $ ]]
}

@test "--variants bounds the variants of one sample, and fewer are the first of more" {
    write_requests in.jsonl
    [ "$(afs-augment -q --variants 1 in.jsonl | wc -l)" -eq 6 ]
    [ "$(afs-augment -q --variants 5 in.jsonl | wc -l)" -eq 14 ]
    afs-augment -q --variants 9 --only in.jsonl | ids >more
    for id in $(afs-augment -q --variants 3 --only in.jsonl | ids); do grep -q "$id" more; done
    for wrong in 0 -1 x; do
        run afs-augment --variants=$wrong in.jsonl
        [ "$status" -eq 2 ]
    done
}

@test "--kinds takes some kinds and counts the others" {
    write_requests in.jsonl
    run --separate-stderr afs-augment --kinds write,review in.jsonl
    [ "$stderr" = "afs-augment: 4 read, 6 written, 3 unvaried (kind 2, other 1), 2 variants (write 2)" ]
    for wrong in '' write,,fix poem WRITE; do
        run --separate-stderr afs-augment --kinds "$wrong" in.jsonl
        [ "$status" -eq 2 ]
        [[ "$stderr" == "afs-augment: --kinds: no kind "*"there are write,fix,explain,optimise,review" ]]
    done
}

@test "--only writes the variants without the samples" {
    write_requests in.jsonl
    afs-augment -q --only in.jsonl | cmp - <(afs-augment -q in.jsonl | grep '"parent_id"')
}

@test "--seed is all that chance depends on" {
    write_requests in.jsonl
    afs-augment -q in.jsonl >one
    PYTHONHASHSEED=7 afs-augment -q --seed 42 - <in.jsonl | cmp - one
    afs-augment -q --seed 43 in.jsonl >other
    run cmp -s other one
    [ "$status" -eq 1 ]
}

@test "--limit counts what is written, also among the variants" {
    write_requests in.jsonl
    for n in 0 1 2 3 4 7; do
        afs-augment -q --limit $n in.jsonl | cmp - <(afs-augment -q in.jsonl | head -n $n)
    done
}

@test "doing it twice is doing it once, and no variant gets variants" {
    write_requests in.jsonl
    afs-augment -q in.jsonl >once
    run --separate-stderr afs-augment once -o twice --summary s.json
    [ "$stderr" = "afs-augment: 8 read, 8 written, 6 unvaried (augmented 4, language 1, other 1)" ]
    cmp once twice
    grep -q '"unvaried":{"augmented":4,"language":1,"other":1}' s.json
    afs-augment -q --variants 4 once -o more
    [ "$(wc -l <more)" -eq 12 ]
    afs-dedupe -q --by id more | cmp - more
}

@test "no split is crossed" {
    write_requests in.jsonl
    afs-augment -q --variants 6 in.jsonl >all
    afs-split -q -o parts all
    for part in parts/*.jsonl; do
        for parent in $(grep -o '"parent_id":"[^"]*"' "$part" | cut -d '"' -f 4 | sort -u); do
            grep -q "^{\"sample_id\":\"$parent\"" "$part"
        done
    done
}

@test "a number that would not survive costs the variants, not the sample" {
    printf '%s\n' '{"instruction":"Fix the bug.","output":"o","quality_score":0.12345678901234567890123}' >in.jsonl
    run --separate-stderr afs-augment in.jsonl
    [ "$status" -eq 0 ]
    [ "$output" = "$(cat in.jsonl)" ]
    [ "$stderr" = "afs-augment: 1 read, 1 written, 1 unvaried (number 1)" ]
}

@test "what is no sample is said, and the rest is still augmented" {
    write_requests in.jsonl
    printf '%s\n' '{"instruction":"Fix it."}' '{"instruction":7,"output":""}' no '[]' >bad.jsonl
    run --separate-stderr afs-augment bad.jsonl in.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 8 ]
    [[ "$stderr" == *"bad.jsonl:1: field 'output' is missing;"* ]]
    [[ "$stderr" == *"4 rejected (json 1, not-object 1, not-sample 2)"* ]]
    run afs-augment --rejects r.jsonl bad.jsonl in.jsonl -o out
    [ "$status" -eq 0 ]
    [ "$(wc -l <r.jsonl)" -eq 4 ]
    [ "$(wc -l <out)" -eq 8 ]
}
