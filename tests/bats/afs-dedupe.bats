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

# Three samples of one long text, the second with a word changed, and one of another.
write_near() {
    local words
    words=$(printf 'word%s ' {1..120})
    printf '{"sample_id":"%s","instruction":"Tell me.","output":"%s","score":%s}\n' \
        a "$words" 1 b "${words/word50 /other }" 3 c "${words/word90 /third }more and more" 2 \
        d "$(printf 'else%s ' {1..120})" 9 >"$1"
}

@test "--near drops what is nearly the same as a sample that stays" {
    write_near in.jsonl
    run --separate-stderr afs-dedupe --near in.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-dedupe: 4 read, 2 written, 2 dropped (near 2)" ]
    sed -n '1p;4p' in.jsonl | cmp - <(afs-dedupe -q --near in.jsonl)
    afs-dedupe -q --near <in.jsonl | cmp - <(afs-dedupe -q --near in.jsonl)
    gzip -c in.jsonl >in.gz
    afs-dedupe -q --near -j 2 --memory 1M in.gz | cmp - <(afs-dedupe -q --near in.jsonl)
}

@test "--threshold says how alike that is" {
    write_near in.jsonl
    [ "$(afs-dedupe -q --near --threshold 0.95 in.jsonl | ids)" = abcd ]
    [ "$(afs-dedupe -q --near --threshold 0.9 in.jsonl | ids)" = acd ]
    [ "$(afs-dedupe -q --near --threshold 1 in.jsonl | ids)" = abcd ]
    for wrong in 0 1.5 x; do
        run afs-dedupe --near --threshold "$wrong" in.jsonl
        [ "$status" -eq 2 ]
    done
    run --separate-stderr afs-dedupe --threshold 0.5 in.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-dedupe: --threshold needs --near" ]
}

@test "--keep says which of the alike stays" {
    write_near in.jsonl
    [ "$(afs-dedupe -q --near --keep first in.jsonl | ids)" = ad ]
    [ "$(afs-dedupe -q --near --keep last in.jsonl | ids)" = cd ]
    [ "$(afs-dedupe -q --near --keep longest in.jsonl | ids)" = cd ]
    [ "$(afs-dedupe -q --near --keep best:score in.jsonl | ids)" = bd ]
    [ "$(afs-dedupe -q --near --keep best:no.such in.jsonl | ids)" = ad ]
    [ "$(sed 's/"sample_id":"."/"sample_id":"x"/' in.jsonl | afs-dedupe -q --by id --keep best:score | grep -o '"score":.')" = '"score":9' ]
    for wrong in best best: middle; do
        run afs-dedupe --keep "$wrong" in.jsonl
        [ "$status" -eq 2 ]
    done
}

@test "--clusters has a row of each sample that matched and of the one that stays" {
    write_near in.jsonl
    run --separate-stderr afs-dedupe -q --near --clusters who.jsonl in.jsonl -o out.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <who.jsonl)" -eq 3 ]
    [ "$(jq -r '[.cluster,.sample_id,.line,.reason,.match_id,.match_line]|join(" ")' who.jsonl)" = \
        $'1 a 1 kept  \n1 b 2 near a 1\n1 c 3 near a 1' ]
    [ "$(jq .similarity who.jsonl | tr '\n' ' ')" = "null 0.9187 0.8968 " ]
    # Exact ones are named as well, in the order of the input, with files and lines.
    write_twins twins.jsonl
    afs-dedupe -q --clusters who.jsonl in.jsonl twins.jsonl >out
    [ "$(jq -r '[.reason,.file,.line,.match_id,.match_line,.similarity]|join(" ")' who.jsonl)" = \
        $'kept twins.jsonl 1   \nduplicate twins.jsonl 3 a 1 1' ]
    cmp out <(afs-dedupe -q in.jsonl twins.jsonl)
    run afs-dedupe --clusters in.jsonl in.jsonl
    [ "$status" -eq 2 ]
    cmp in.jsonl <(write_near /dev/stdout)
}

@test "--dropped names the match" {
    write_near in.jsonl
    afs-dedupe -q --near --dropped gone.jsonl in.jsonl >out
    [ "$(jq -c '[.sample_id,._dropped,._duplicate.id,._duplicate.line]' gone.jsonl | tr '\n' ' ')" = \
        '["b","near","a",1] ["c","near","a",1] ' ]
}

@test "--mark drops nothing and says it at the end of the line, once" {
    write_near in.jsonl
    run --separate-stderr afs-dedupe --near --mark in.jsonl -o marked.jsonl
    [ "$stderr" = "afs-dedupe: 4 read, 4 written, 2 marked (near 2)" ]
    [ "$(sed -n 2p marked.jsonl)" = \
        "$(sed -n '2s/}$//p' in.jsonl),\"_duplicate\":{\"reason\":\"near\",\"similarity\":0.9187,\"id\":\"a\",\"file\":\"in.jsonl\",\"line\":1}}" ]
    sed -n '1p;4p' in.jsonl | cmp - <(sed -n '1p;4p' marked.jsonl)
    afs-dedupe -q --near --mark marked.jsonl | sed 's/marked.jsonl/in.jsonl/' | cmp - marked.jsonl
    # What is alike no longer loses its mark.
    afs-dedupe -q --mark marked.jsonl | cmp - in.jsonl
    run afs-dedupe --mark --dropped gone in.jsonl
    [ "$status" -eq 2 ]
}

@test "--against drops what a reference holds" {
    write_near old.jsonl
    write_twins new.jsonl
    sed -n '2p' old.jsonl | sed 's/"b"/"n"/' >>new.jsonl
    run --separate-stderr afs-dedupe --against old.jsonl new.jsonl
    [ "$stderr" = "afs-dedupe: 6 read, 4 written, 2 dropped (duplicate 1, reference 1), 4 reference" ]
    # Near: the reference is alike to itself and stays unread in the output.
    printf '%s\n' "$(sed -n 1p old.jsonl | sed 's/word7 /seven /; s/"a"/"m"/')" >>new.jsonl
    run --separate-stderr afs-dedupe --near --keep longest --against old.jsonl --against old.jsonl --dropped gone new.jsonl
    [ "$(printf '%s\n' "${lines[@]}" | ids)" = abdb ]
    [ "$(jq -c '[._dropped,._duplicate.file,._duplicate.line]' gone | sort | tr '\n' ' ')" = \
        '["duplicate","new.jsonl",1] ["reference","old.jsonl",1] ["reference","old.jsonl",2] ' ]
    run --separate-stderr afs-dedupe --by id --against old.jsonl new.jsonl
    [ "$(printf '%s\n' "${lines[@]}" | ids)" = nm ]
}

@test "an empty reference is said and changes nothing; one that cannot be used is an error" {
    write_twins in.jsonl
    : >none.jsonl
    run --separate-stderr afs-dedupe --against none.jsonl in.jsonl
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
    [[ "$stderr" == "afs-dedupe: none.jsonl: holds no sample to compare with"* ]]
    run afs-dedupe --against missing.jsonl in.jsonl
    [ "$status" -eq 2 ]
    run afs-dedupe --against . in.jsonl
    [ "$status" -eq 2 ]
    run afs-dedupe --against none.jsonl in.jsonl -o none.jsonl
    [ "$status" -eq 2 ]
    printf '%s\n' 'bad' '' '[]' '{"instruction":"r"}' '{"instruction":"r","output":"yes"}' >ref.jsonl
    run --separate-stderr afs-dedupe --near --against ref.jsonl in.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 3 ]
    [[ "$stderr" == *"ref.jsonl:4: field 'output' is missing"* ]]
    run --separate-stderr afs-dedupe --against ref.jsonl --rejects r.jsonl in.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <r.jsonl)" -eq 3 ]
    head -c 30 <(afs-dedupe -q in.jsonl | gzip -c) >torn.gz
    run --separate-stderr afs-dedupe --against torn.gz in.jsonl
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"torn.gz: the gzip data ends too early"* ]]
}

@test "--by conversation drops the shorter copy of a conversation that goes on elsewhere" {
    turn() { printf '{"role":"user","content":"q%s"},{"role":"assistant","content":"a%s"}' "$1" "$1"; }
    sample() { printf '{"sample_id":"%s","instruction":"q1","output":"a1","messages":%s}\n' "$1" "$2"; }
    {
        sample a null
        sample b "[$(turn 1),$(turn 2)]"
        sample c "[$(turn 1),$(turn 2),$(turn 3)]"
        sample d "[$(turn 1),$(turn 4)]"
        sample e "[$(turn 2)]"
        sample f "[$(turn 1),$(turn 2),$(turn 3)]"
    } >in.jsonl
    run --separate-stderr afs-dedupe --by conversation in.jsonl
    [ "$(printf '%s\n' "${lines[@]}" | ids)" = cde ]
    [ "$stderr" = "afs-dedupe: 6 read, 3 written, 3 dropped (continued 2, duplicate 1)" ]
    [ "$(afs-dedupe -q --by conversation --keep last --clusters who.jsonl <in.jsonl | ids)" = def ]
    [ "$(jq -r 'select(.reason=="continued")|[.sample_id,.match_id]|join(" ")' who.jsonl)" = $'a f\nb f' ]
    sed -n 3p in.jsonl >long.jsonl
    [ "$(afs-dedupe -q --by conversation --against long.jsonl in.jsonl | ids)" = de ]
    [ "$(afs-dedupe -q --by conversation --memory 64k in.jsonl | ids)" = cde ]
}

@test "--memory bounds what is held, and changes no byte" {
    write_near in.jsonl
    write_twins twins.jsonl
    for options in "" "--near" "--keep longest" "--by conversation"; do
        # shellcheck disable=SC2086
        afs-dedupe -q $options --memory 1k in.jsonl twins.jsonl | cmp - <(afs-dedupe -q $options in.jsonl twins.jsonl)
    done
}
