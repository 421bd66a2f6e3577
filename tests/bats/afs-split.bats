#!/usr/bin/env bats
# The shell contract of afs-split.

load helper

# 40 samples of 20 conversations.
write_groups() {
    for n in {1..40}; do
        printf '{"sample_id":"s%s","instruction":"q","output":"a","_metadata":{"group":"g%s"}}\n' "$n" "$((n % 20))"
    done >"$1"
}

@test "three files come out that make up the input" {
    write_groups in.jsonl
    run --separate-stderr afs-split in.jsonl -o splits --summary s.json
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    cat splits/train.jsonl splits/val.jsonl splits/test.jsonl | sort >out
    sort in.jsonl | cmp - out
    [[ "$stderr" == "afs-split: 40 read, 20 groups, "*" test, "*" train, "*" val" ]]
    grep -q '"read":40,"written":40' s.json
}

@test "a pipe, a file and -i give the same bytes" {
    write_groups in.jsonl
    afs-split -q -o a in.jsonl
    cat in.jsonl | afs-split -q -o b
    gzip -c in.jsonl >in.jsonl.gz
    afs-split -q -o c -i in.jsonl.gz
    diff -r a b
    diff -r a c
}

@test "adding samples moves none of the old ones" {
    write_groups in.jsonl
    afs-split -q -o old in.jsonl
    for n in {1..5}; do printf '{"sample_id":"new%s","instruction":"q","output":"a"}\n' "$n"; done >more.jsonl
    afs-split -q -o new more.jsonl in.jsonl
    for part in train val test; do
        diff old/$part.jsonl <(grep -v '"new' new/$part.jsonl)
    done
}

@test "the lines of a group are never parted" {
    write_groups in.jsonl
    afs-split -q -o out in.jsonl
    for part in train val test; do grep -o '"group":"[^"]*"' out/$part.jsonl | sort -u; done | sort | uniq -d >twice
    [ ! -s twice ]
}

@test "ratios, seed and field are options" {
    write_groups in.jsonl
    run --separate-stderr afs-split --train-ratio 0.5 --val-ratio 0.5 --seed 7 --group-by _metadata.group -o out in.jsonl
    [ "$status" -eq 0 ]
    [ -s out/train.jsonl ]
    [ -s out/val.jsonl ]
    [ -e out/test.jsonl ]
    [ ! -s out/test.jsonl ]
}

@test "a part that would stay empty gets the nearest group, and it is said" {
    printf '{"sample_id":"s%s"}\n' 1 2 3 >in.jsonl
    run --separate-stderr afs-split in.jsonl -o out --summary s.json
    [ "$status" -eq 0 ]
    for part in train val test; do [ "$(wc -l <out/$part.jsonl)" -eq 1 ]; done
    [[ "$stderr" == *"val would have stayed empty: it got the nearest group"* ]]
    [[ "$stderr" == *" moved (to "* ]]
    grep -q '"moved":{"to ' s.json
}

@test "one group goes to train, two to train and test" {
    printf '{"sample_id":"s1"}\n{"sample_id":"s1"}\n' >in.jsonl
    run --separate-stderr afs-split in.jsonl -o out
    [ "$(wc -l <out/train.jsonl)" -eq 2 ]
    [[ "$stderr" == *"test stays empty: there are fewer groups than parts"* ]]
    printf '{"sample_id":"s2"}\n' >>in.jsonl
    run --separate-stderr afs-split in.jsonl -o out
    [ -s out/train.jsonl ]
    [ -s out/test.jsonl ]
    [ ! -s out/val.jsonl ]
    [[ "$stderr" == *"val stays empty"* ]]
}

@test "empty input gives three empty files" {
    run --separate-stderr afs-split -o out </dev/null
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-split: 0 read, 0 groups, 0 test, 0 train, 0 val" ]
    [ "$(cat out/train.jsonl out/val.jsonl out/test.jsonl | wc -c)" -eq 0 ]
    [ "$(find out -mindepth 1 | wc -l)" -eq 3 ]
}

@test "wrong usage is status 2 and leaves no folder" {
    write_groups in.jsonl
    run --separate-stderr afs-split in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"-o DIR"* ]]
    run --separate-stderr afs-split in.jsonl -o in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"in.jsonl: is a file"* ]]
    for ratio in 1.5 -0.1 nan x; do
        run --separate-stderr afs-split in.jsonl --train-ratio="$ratio" -o out
        [ "$status" -eq 2 ]
    done
    run --separate-stderr afs-split in.jsonl --train-ratio 0.9 --val-ratio 0.2 -o out
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"more than 1"* ]]
    for bad in none.jsonl . --stratify; do
        run --separate-stderr afs-split "$bad" -o out
        [ "$status" -eq 2 ]
        [[ "$stderr" == *"$bad"* ]]
    done
    [ ! -e out ]
}

@test "an unreadable file is a usage error" {
    [ "$(id -u)" -ne 0 ] || skip "root reads every file"
    write_groups in.jsonl
    chmod 000 in.jsonl
    run --separate-stderr afs-split in.jsonl -o out
    [ "$status" -eq 2 ]
}

@test "bad records are named by line and the good ones are written" {
    write_groups in.jsonl
    {
        cat in.jsonl
        printf '%s\n' '{"sample_id":' '[1]' '{"_metadata":{"group":5}}'
        printf '{"sample_id":"\xff"}\n'
        printf '{"sample_id":"last, without a newline"}'
    } >mixed.jsonl
    run --separate-stderr afs-split mixed.jsonl -o out
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"mixed.jsonl:41: not JSON"* ]]
    [[ "$stderr" == *"mixed.jsonl:42: not a JSON object"* ]]
    [[ "$stderr" == *"mixed.jsonl:43: field '_metadata.group' must be a string or null"* ]]
    [[ "$stderr" == *"mixed.jsonl:44: invalid UTF-8"* ]]
    [ "$(cat out/*.jsonl | wc -l)" -eq 41 ]
    run --separate-stderr afs-split mixed.jsonl --rejects bad.jsonl --rejects-text -o out
    [ "$status" -eq 0 ]
    [ "$(wc -l <bad.jsonl)" -eq 4 ]
}

@test "--strict stops at the first bad record and leaves the old files" {
    write_groups in.jsonl
    afs-split -q in.jsonl -o out
    cp -r out old
    echo '{' >>in.jsonl
    run --separate-stderr afs-split --strict --seed 1 in.jsonl -o out
    [ "$status" -eq 1 ]
    diff -r old out
}

@test "of two inputs of which one is damaged the other is written" {
    write_groups in.jsonl
    gzip -c in.jsonl | head -c 60 >cut.gz
    run --separate-stderr afs-split cut.gz in.jsonl -o out
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"cut.gz: the gzip data ends too early"* ]]
    [ "$(cat out/*.jsonl | wc -l)" -ge 40 ]
}

@test "--exact gives the shares asked, and --stratify gives them within each value" {
    write_groups in.jsonl
    run --separate-stderr afs-split --exact in.jsonl -o out
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-split: 40 read, 20 groups, 4 test, 32 train, 4 val" ]
    for n in {1..13}; do
        printf '{"sample_id":"s%s","source":"%s"}\n' "$n" "$((n < 11 ? 1 : n < 13 ? 2 : 3))"
    done >in.jsonl
    run --separate-stderr afs-split --stratify source in.jsonl -o out --summary s.json
    [ "$(grep -c '"source":"1"' out/train.jsonl out/val.jsonl out/test.jsonl | cut -d : -f 2 | tr '\n' ' ')" = "8 1 1 " ]
    [ "$(grep -c '"source":"2"' out/train.jsonl out/val.jsonl out/test.jsonl | cut -d : -f 2 | tr '\n' ' ')" = "1 0 1 " ]
    [ "$(grep -c '"source":"3"' out/train.jsonl out/val.jsonl out/test.jsonl | cut -d : -f 2 | tr '\n' ' ')" = "1 0 0 " ]
    [[ "$stderr" == *"2 of 3 strata have fewer than three groups"* ]]
    [ "$(jq -c '.strata["2"].records' s.json)" = '{"train":1,"val":0,"test":1}' ]
    run --separate-stderr afs-split --stratify none in.jsonl -o other
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"no record has the field 'none' of --stratify"* ]]
}

@test "--previous keeps every old group where it was, also in place and with --exact" {
    write_groups in.jsonl
    afs-split -q --seed 3 in.jsonl -o splits
    cp -r splits old
    for n in {1..20}; do printf '{"sample_id":"new%s","instruction":"q","output":"a"}\n' "$n"; done >>in.jsonl
    for more in "" --exact "--stratify instruction"; do
        # shellcheck disable=SC2086
        run --separate-stderr afs-split $more --previous old in.jsonl -o splits
        [ "$status" -eq 0 ]
        [[ "$stderr" == *" 40 groups, 20 old_groups, "* ]]
        for part in train val test; do cmp old/$part.jsonl <(grep -v '"new' splits/$part.jsonl); done
    done
    afs-split -q --previous splits in.jsonl -o splits
    run --separate-stderr afs-split --previous nowhere in.jsonl -o splits
    [ "$status" -eq 2 ]
}

@test "--groups keeps together what is alike, and --check finds what is not" {
    for n in {1..60}; do printf '{"sample_id":"s%s","instruction":"q%s","output":"a"}\n' "$n" "$n"; done >in.jsonl
    for n in {1..60}; do printf '{"cluster":%s,"sample_id":"s%s"}\n' "$((n % 20))" "$n"; done >near.jsonl
    afs-split -q in.jsonl -o apart
    afs-split -q --groups near.jsonl in.jsonl -o together
    run --separate-stderr afs-split --check --groups near.jsonl together/*.jsonl
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [[ "$stderr" == *"nothing is in more than one file; groups, contents and clusters were compared"* ]]
    run --separate-stderr afs-split --check --groups near.jsonl apart/*.jsonl
    [ "$status" -eq 3 ]
    [[ "${lines[0]}" == '{"shared":"cluster","files":[{"file":"apart/'* ]]
    run --separate-stderr afs-split --check apart/*.jsonl
    [ "$status" -eq 0 ]
    [[ "$stderr" == *"near-duplicates only with --groups"* ]]
    run --separate-stderr afs-split --check apart/train.jsonl together/train.jsonl
    [ "$status" -eq 3 ]
    [[ "$output" == *'{"shared":"group","group":"s'* ]]
    [[ "$output" == *'{"shared":"content","files":'* ]]
}

@test "--check compares files and writes none" {
    write_groups in.jsonl
    for args in "in.jsonl" "in.jsonl ./in.jsonl" "in.jsonl - -o out" "in.jsonl - --exact"; do
        # shellcheck disable=SC2086
        run --separate-stderr afs-split --check $args </dev/null
        [ "$status" -eq 2 ]
    done
    [ ! -e out ]
}

@test "--memory bounds what is held, not what comes out" {
    write_groups in.jsonl
    afs-split -q --exact --memory 1k in.jsonl -o small
    afs-split -q --exact --memory 1G in.jsonl -o large
    diff -r small large
}
