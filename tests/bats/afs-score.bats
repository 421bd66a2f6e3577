#!/usr/bin/env bats
# The shell contract of afs-score.

load helper

@test "the score goes to the end of the line and the rest keeps its bytes" {
    printf '%s\n' '{ "sample_id":"a", "instruction":"What is 2+2?","input":"","output":"2+2 is \u0034.","x":1.50 }' >in.jsonl
    run --separate-stderr afs-score in.jsonl
    [ "$status" -eq 0 ]
    [[ "$output" == '{ "sample_id":"a", "instruction":"What is 2+2?","input":"","output":"2+2 is \u0034.","x":1.50 ,"quality_score":'* ]]
    [[ "$output" == *',"quality_components":{"relevance":null,"substance":1.0,'*'}}' ]]
    [ "$stderr" = "afs-score: 1 read, 1 written" ]
}

@test "scoring twice is scoring once, whoever wrote the line" {
    write_samples in.jsonl
    printf '%s\n' '{ "quality_score" : 0.1, "instruction":"Say hi.", "quality_components":null, "output":"Hi there." }' >>in.jsonl
    afs-score -q in.jsonl >once
    afs-score -q once >twice
    cmp once twice
    [ "$(grep -o '"quality_score"' once | wc -l)" -eq 3 ]
    tail -n 1 once | grep -q '^{"instruction":"Say hi.","output":"Hi there.","quality_score":[0-9.]*,"quality_components":{'
}

@test "good answers are above .4, empty, cut, looping, refused and garbled ones below" {
    q='"instruction":"Explain what a river delta is."'
    good='A river delta is land that a river builds where it meets the sea and drops what it carries.'
    printf '{%s,"output":"%s"}\n' "$q" "$good" >good.jsonl
    printf '{%s,"output":"%s"}\n' "$q" '' "$q" '...' \
        "$q" 'A river delta is land. It is built where a river meets the sea and drops the' \
        "$q" 'Sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand.' \
        "$q" "I'm sorry, but I can't help with that." \
        "$q" 'vnqwpz xkrt bdfg hjklm qwrtp zxcvb nmlkj hgfds qwrtp zxcvb nmlkjh gfdsq wrtpz xcvbn' >bad.jsonl
    afs-score -q good.jsonl | afs-filter --min-score 0.6 -q >kept
    [ "$(wc -l <kept)" -eq 1 ]
    afs-score -q bad.jsonl | afs-filter --min-score 0.4 -q >kept
    [ "$(wc -l <kept)" -eq 0 ]
}

@test "a pipe, a file, -i, -o and a packed file give the same bytes" {
    write_samples in.jsonl
    afs-score -q in.jsonl >a
    afs-score -q <in.jsonl >b
    afs-score -q -i in.jsonl -o c
    gzip -c in.jsonl | afs-score -q >d
    cmp a b
    cmp a c
    cmp a d
}

@test "a record that is no question and answer is named, or goes to --rejects" {
    write_samples in.jsonl
    printf '%s\n' '{"instruction":"x"}' '{"instruction":"x","output":5}' '{"instruction":"x","output":"y","input":[]}' \
        '{"instruction":null,"output":"y"}' 'x' '7' >>in.jsonl
    run --separate-stderr afs-score in.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ "$stderr" == *"in.jsonl:3: field 'output' is missing;"* ]]
    [[ "$stderr" == *"in.jsonl:4: field 'output' must be a string;"* ]]
    [[ "$stderr" == *"in.jsonl:5: field 'input' must be a string;"* ]]
    [[ "$stderr" == *"in.jsonl:6: field 'instruction' must be a string;"* ]]
    [[ "$stderr" == *"8 read, 2 written, 6 rejected (json 1, not-object 1, not-sample 4)" ]]
    run --separate-stderr afs-score in.jsonl --rejects bad.jsonl --rejects-text -o out.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <bad.jsonl)" -eq 6 ]
    [ "$(grep -c '"reason":"not-sample"' bad.jsonl)" -eq 4 ]
    run --separate-stderr afs-score in.jsonl --rejects bad.jsonl --max-reject 0.5 -o out.jsonl
    [ "$status" -eq 3 ]
    rm out.jsonl
    run afs-score in.jsonl --strict -o out.jsonl
    [ "$status" -eq 1 ]
    [ ! -e out.jsonl ]
}

@test "a number that would change makes a line that has to be re-encoded a reject" {
    n=123456789012345678901234567890
    printf '%s\n' "{\"instruction\":\"Say hi.\",\"output\":\"Hi there.\",\"n\":$n}" >in.jsonl
    afs-score -q in.jsonl >once
    grep -q "\"n\":$n,\"quality_score\"" once
    afs-score -q once | cmp - once
    printf '%s\n' "{\"quality_score\":0,\"instruction\":\"Say hi.\",\"output\":\"Hi there.\",\"n\":$n}" >in.jsonl
    run --separate-stderr afs-score in.jsonl
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ "$stderr" == *"rejected (number 1)" ]]
}

@test "what cannot be read is said, and the rest is still scored" {
    write_samples in.jsonl
    printf '{"instruction":"Say hi.","output":"no newline"}' >last.jsonl
    printf '{"instruction":"a","output":"\377"}\n' >utf8.jsonl
    head -c 60 in.jsonl | gzip -c | head -c 40 >torn.gz
    : >empty.jsonl
    run --separate-stderr afs-score nothing.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-score: nothing.jsonl: no such file" ]
    run afs-score .
    [ "$status" -eq 2 ]
    run --separate-stderr afs-score empty.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-score: 0 read, 0 written" ]
    run --separate-stderr afs-score utf8.jsonl torn.gz last.jsonl in.jsonl
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 3 ]
    [[ "$stderr" == *"utf8.jsonl:1: invalid UTF-8"* ]]
    [[ "$stderr" == *"torn.gz: the gzip data"* ]]
    run afs-score --unknown in.jsonl
    [ "$status" -eq 2 ]
}

@test "the summary has the mean, and --limit stops" {
    write_samples in.jsonl
    afs-score -q in.jsonl --limit 1 --summary s.json >out
    [ "$(wc -l <out)" -eq 1 ]
    grep -q '"written":1,.*"mean_score":0\.[0-9]*\|"written":1,.*"mean_score":1\.0' s.json
}
