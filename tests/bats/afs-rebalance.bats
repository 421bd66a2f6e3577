#!/usr/bin/env bats
# The shell contract of afs-rebalance.

load helper

# 12 samples: 6 of codex, 4 of claude, 2 of memory, by turns.
write_mix() {
    for n in 1 2 3 4 5 6; do
        printf '{"sample_id":"x%s","instruction":"q%s","output":"a","source":"codex","quality_score":0.%s}\n' $n $n $n
        [ $n -gt 4 ] || printf '{"sample_id":"l%s","instruction":"q%s","output":"b","source":"claude","quality_score":0.%s}\n' $n $n $n
        [ $n -gt 2 ] || printf '{"sample_id":"m%s","instruction":"q%s","output":"c","source":"memory","quality_score":0.%s}\n' $n $n $n
    done >"$1"
}

# "6 codex 4 claude": how many of each source there are.
sources() { grep -o '"source":"[^"]*"' | cut -d '"' -f 4 | sort | uniq -c | awk '{printf "%s%s %s", (NR > 1 ? " " : ""), $1, $2}'; }

ids() { grep -o '"sample_id":"[^"]*"' | cut -d '"' -f 4 | tr '\n' ' '; }

@test "without options each source gives as many as the smallest has, in order and byte for byte" {
    write_mix in.jsonl
    run --separate-stderr afs-rebalance in.jsonl
    [ "$status" -eq 0 ]
    [ "$(sources <<<"$output")" = "2 claude 2 codex 2 memory" ]
    [ "$stderr" = "afs-rebalance: 12 read, 6 written, 6 dropped (surplus 6), 3 groups, 0 repeats" ]
    diff <(printf '%s\n' "$output") <(grep -Fxf <(printf '%s\n' "$output") in.jsonl)
    afs-rebalance -q --equal <in.jsonl | cmp - <(printf '%s\n' "$output")
}

@test "the documented spelling works" {
    write_mix in.jsonl
    mkdir training_data
    mv in.jsonl training_data/memory_scored.jsonl
    afs training rebalance --input training_data/memory_scored.jsonl --output training_data/memory_rebalanced.jsonl
    [ "$(wc -l <training_data/memory_rebalanced.jsonl)" -eq 6 ]
}

@test "weights are kept to one record, and who has none is left out and named" {
    write_mix in.jsonl
    run --separate-stderr afs-rebalance --weights 'codex=3,claude=2' in.jsonl --dropped rest.jsonl
    [ "$status" -eq 0 ]
    [ "$(sources <<<"$output")" = "4 claude 6 codex" ]
    [[ "$stderr" == *"1 groups have no weight and are left out: memory"* ]]
    [ "$(grep -c '"_dropped":"no-weight"}$' rest.jsonl)" -eq 2 ]
    [ "$(afs-rebalance -q --weights codex=3 --weights claude=2,memory=1 in.jsonl | sources)" = "4 claude 6 codex 2 memory" ]
}

@test "a target is a share of the whole, the others keep theirs" {
    write_mix in.jsonl
    [ "$(afs-rebalance -q --target memory=.25 in.jsonl | sources)" = "2 claude 4 codex 2 memory" ]
    [ "$(afs-rebalance -q --target codex=.5 --size 8 in.jsonl | sources)" = "3 claude 4 codex 1 memory" ]
}

@test "a temperature lies between the data as they are and equal" {
    write_mix in.jsonl
    afs-rebalance -q --temperature 1 in.jsonl | cmp - in.jsonl
    [ "$(afs-rebalance -q --temperature inf in.jsonl | sources)" = "2 claude 2 codex 2 memory" ]
    [ "$(afs-rebalance -q --temperature 2 in.jsonl | sources)" = "3 claude 3 codex 2 memory" ]
}

@test "a cap alone changes nothing else" {
    write_mix in.jsonl
    [ "$(afs-rebalance -q --max 3 in.jsonl | sources)" = "3 claude 3 codex 2 memory" ]
    [ "$(afs-rebalance -q --max 3 --equal in.jsonl | sources)" = "2 claude 2 codex 2 memory" ]
    [ "$(afs-rebalance -q --max 2 --by output in.jsonl | sources)" = "2 claude 2 codex 2 memory" ]
}

@test "a size is met, and what a small group lacks others give" {
    write_mix in.jsonl
    run --separate-stderr afs-rebalance --size 9 in.jsonl
    [ "$(sources <<<"$output")" = "4 claude 3 codex 2 memory" ]
    [[ "$stderr" == *"memory has 2 of the 3 records that are its share"* ]]
    [[ "$stderr" == *"other groups gave the 1 records that they lack"* ]]
    run --separate-stderr afs-rebalance --size 99 in.jsonl
    [ "${#lines[@]}" -eq 12 ]
    [[ "$stderr" == *"87 of 99 records are missing"* ]]
}

@test "oversampling keeps every original before any repeat, and repeats have ids of their own" {
    write_mix in.jsonl
    run --separate-stderr afs-rebalance --oversample 3 in.jsonl
    [ "$(sources <<<"$output")" = "6 claude 6 codex 6 memory" ]
    head -n 12 <<<"$output" | cmp - in.jsonl
    [ "$(ids <<<"$output" | tr ' ' '\n' | sort | uniq -d | wc -l)" -eq 0 ]
    [[ "$stderr" == *", 6 repeats" ]]
    [ "$(afs-rebalance -q --oversample 2 in.jsonl | sources)" = "4 claude 4 codex 4 memory" ]
}

@test "the best or chance decide which ones, and chance has a seed" {
    write_mix in.jsonl
    [ "$(afs-rebalance -q --by-score in.jsonl | ids)" = "m1 m2 l3 l4 x5 x6 " ]
    afs-rebalance -q --max 1 --seed 7 in.jsonl >a
    afs-rebalance -q --max 1 --seed 7 <in.jsonl | cmp - a
    for seed in 1 2 3 4 5 6 7 8; do afs-rebalance -q --max 1 --seed $seed in.jsonl | ids; echo; done | sort -u >kinds
    [ "$(wc -l <kinds)" -gt 3 ]
}

@test "unknown groups and fields, and weights that are none, are wrong usage" {
    write_mix in.jsonl
    for args in "--weights none=1" "--target none=.5" "--by none" "--weights codex=nan" "--weights codex=-1" \
        "--weights codex=0" "--target codex=2" "--size 0" "--max 0" "--oversample 0" "--temperature 0"; do
        # shellcheck disable=SC2086
        run --separate-stderr afs-rebalance $args in.jsonl -o out
        [ "$status" -eq 2 ]
        [ "$(wc -l <<<"$stderr")" -eq 1 ]
        [ ! -e out ]
    done
}

@test "a folder without room for scratch is said" {
    write_mix in.jsonl
    run --separate-stderr env TMPDIR=/nowhere afs-rebalance --memory 1M in.jsonl -o out
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"/nowhere: no such file or directory; set TMPDIR"* ]]
    [ ! -e out ]
}
