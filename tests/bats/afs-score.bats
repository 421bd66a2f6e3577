#!/usr/bin/env bats
# The shell contract of afs-score.

load helper

@test "the score goes to the end of the line and the rest keeps its bytes" {
    printf '%s\n' '{ "sample_id":"a", "instruction":"What is 2+2?","input":"","output":"2+2 is \u0034.","x":1.50 }' >in.jsonl
    run --separate-stderr afs-score in.jsonl
    [ "$status" -eq 0 ]
    [[ "$output" == '{ "sample_id":"a", "instruction":"What is 2+2?","input":"","output":"2+2 is \u0034.","x":1.50 ,"quality_score":'* ]]
    [[ "$output" == *',"quality_components":{"relevance":'*'"outcome":null}}' ]]
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

@test "good answers are above .05, empty, cut, looping, refused and garbled ones below" {
    q='"instruction":"Explain what a river delta is."'
    good='A river delta is land that a river builds where it meets the sea and drops what it carries.'
    printf '{%s,"output":"%s"}\n' "$q" "$good" >good.jsonl
    printf '{%s,"output":"%s"}\n' "$q" '' "$q" '...' \
        "$q" 'A river delta is land. It is built where a river meets the sea and drops the' \
        "$q" 'Sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand. Mud and sand.' \
        "$q" "I'm sorry, but I can't help with that." \
        "$q" 'vnqwpz xkrt bdfg hjklm qwrtp zxcvb nmlkj hgfds qwrtp zxcvb nmlkjh gfdsq wrtpz xcvbn' >bad.jsonl
    afs-score -q good.jsonl | afs-filter --min-score 0.1 -q >kept
    [ "$(wc -l <kept)" -eq 1 ]
    afs-score -q bad.jsonl | afs-filter --min-score 0.05 -q >kept
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

@test "--raw gives the mean that is ranked, and a profile counts by weights of its own" {
    write_samples in.jsonl
    afs-score -q --raw in.jsonl | jq -c .quality_score >raw
    afs-score -q in.jsonl | jq -c .quality_score >ranks
    run ! cmp -s raw ranks
    for profile in generic dialogue code agentic; do
        afs-score -q --raw --profile "$profile" in.jsonl | jq -e '.quality_score >= 0 and .quality_score <= 1' >/dev/null
    done
    printf '%s\n' '{"instruction":"Rename it.","output":"I renamed it in both files and ran the tests.","_metadata":{"flags":["tool_rejected"]}}' >turn.jsonl
    generic=$(afs-score -q --raw turn.jsonl | jq .quality_score)
    agentic=$(afs-score -q --raw --profile agentic turn.jsonl | jq .quality_score)
    jq -ne "$agentic < $generic"
    run afs-score --profile poem in.jsonl
    [ "$status" -eq 2 ]
}

@test "code that does not parse is seen, and with --no-parsers not looked at" {
    printf '%s\n' '{"instruction":"Write Python that adds two numbers.","output":"```python\ndef add(a, b:\n    return a + b\n```"}' >in.jsonl
    [ "$(afs-score -q in.jsonl | jq .quality_components.code)" = 0 ]
    [ "$(afs-score -q --no-parsers in.jsonl | jq .quality_components.code)" = 1 ]
    afs-score -q in.jsonl | jq -e '.quality_score < 0.05'
    afs-score -q --no-parsers in.jsonl | jq -e '.quality_score > 0.05'
}

@test "--explain says on standard error what lowers a score, and changes no byte of the output" {
    write_samples in.jsonl
    printf '%s\n' '{"instruction":"Explain tides.","output":"The moon pulls at the water of the oceans, and then it"}' >>in.jsonl
    afs-score -q in.jsonl >plain
    run --separate-stderr afs-score -q --explain in.jsonl -o out.jsonl
    [ "$status" -eq 0 ]
    cmp plain out.jsonl
    [ "${#stderr_lines[@]}" -eq 3 ]
    [[ "${stderr_lines[2]}" == "afs-score: in.jsonl:3: 0"*": completeness 0"*"(stops before its end)"* ]]
}

@test "weights of the configuration count, and slips in it are errors" {
    write_samples in.jsonl
    printf '%s\n' '{"instruction":"Explain tides.","output":"The moon pulls at the water of the oceans, and then it"}' >in.jsonl
    printf '[score]\ncompleteness = 0\n' >all.toml
    printf '[score.code]\ncompleteness = 0\n' >code.toml
    before=$(afs-score -q --raw in.jsonl | jq .quality_score)
    jq -ne "$(afs-score -q --raw --config all.toml in.jsonl | jq .quality_score) > $before"
    [ "$(afs-score -q --raw --config code.toml in.jsonl | jq .quality_score)" = "$before" ]
    for slip in 'beauty = 1' 'code = -1' 'code = nan' 'code = inf' 'code = "1"' 'code = true' 'poem = {code = 1}' \
        'code = {beauty = 1}' 'generic = {code = nan}'; do
        printf '[score]\n%s\n' "$slip" >slip.toml
        run --separate-stderr afs-score --config slip.toml in.jsonl
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        [[ "$stderr" == "afs-score: "*"score."* ]]
    done
    printf 'score = 1\n' >slip.toml
    run afs-score --config slip.toml in.jsonl
    [ "$status" -eq 2 ]
    { printf '[score]\n'; afs-score -q in.jsonl | jq -r '.quality_components | keys[] | "\(.) = 0"'; } >nothing.toml
    run afs-score --config nothing.toml in.jsonl
    [ "$status" -eq 2 ]
}

@test "-j shares a file among processes and changes no byte" {
    write_samples two.jsonl
    for _ in $(seq 2500); do cat two.jsonl; done >in.jsonl
    afs-score -q in.jsonl -o one.jsonl
    for jobs in 0 2 5; do
        afs-score -q -j "$jobs" in.jsonl -o many.jsonl
        cmp one.jsonl many.jsonl
    done
    afs-score -q -j 2 <in.jsonl | cmp - one.jsonl
    gzip -c in.jsonl >in.gz
    afs-score -q -j 2 in.gz | cmp - one.jsonl
    afs-score -q -j 2 --limit 3 in.jsonl | cmp - <(head -n 3 one.jsonl)
    afs-score -q --jobs 2 in.jsonl | head -n 1 | cmp - <(head -n 1 one.jsonl)
    printf '{"instruction":"x"}\n' >>in.jsonl
    run --separate-stderr afs-score -q -j 2 --strict in.jsonl -o strict.jsonl
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"in.jsonl:5001: field 'output' is missing"* ]]
    [ ! -e strict.jsonl ]
}

@test "a long line, deep JSON in an answer and a field of many megabytes are no trouble" {
    {
        printf '{"instruction":"Give me JSON.","output":"```json\\n'
        head -c 4000 /dev/zero | tr '\0' '['
        printf '\\n```"}\n{"instruction":"Say hi.","output":"'
        head -c 30000000 /dev/zero | tr '\0' 'a'
        printf '"}\n{"instruction":"Say hi.","output":"Hi there."}\n'
    } >in.jsonl
    run --separate-stderr afs-score in.jsonl -o out.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <out.jsonl)" -eq 3 ]
    for jobs in 1 2; do
        run --separate-stderr afs-score --max-record 1M -j "$jobs" in.jsonl -o out.jsonl
        [ "$status" -eq 1 ]
        [[ "$stderr" == *"in.jsonl:2: a line of 300000"*" bytes is over --max-record"* ]]
        [ "$(wc -l <out.jsonl)" -eq 2 ]
    done
}
