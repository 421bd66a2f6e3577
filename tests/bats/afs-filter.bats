#!/usr/bin/env bats
# The shell contract of afs-filter.

load helper

write_scored() {
    printf '%s\n' \
        '{"sample_id":"a", "instruction":"q","input":"","output":"four","quality_score":0.9,"_metadata":{"model":"m","flags":[]}}' \
        '{"sample_id":"b","instruction":"q","input":"in","output":"\u00e9\u4e2d","quality_score":0.40,"_metadata":{"model":null}}' \
        '{"sample_id":"c","instruction":"q","input":null,"output":"seven77","quality_score":0,"_metadata":null}' \
        '{"sample_id":"d","instruction":"q","output":"x"}' >"$1"
}

ids() { grep -o '"sample_id":"[^"]*"' | cut -d '"' -f 4 | tr -d '\n'; }

@test "without a condition every object passes as it is" {
    write_scored in.jsonl
    run --separate-stderr afs-filter in.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-filter: 4 read, 4 written" ]
    afs-filter -q in.jsonl | cmp - in.jsonl
    afs-filter -q -i in.jsonl -o out.jsonl
    cmp in.jsonl out.jsonl
}

@test "--min-score keeps what reaches it, and names what has no score" {
    write_scored in.jsonl
    run --separate-stderr afs-filter --min-score 0.4 in.jsonl --dropped dropped.jsonl
    [ "$(ids <<<"$output")" = ab ]
    [ "$stderr" = "afs-filter: 4 read, 2 written, 2 dropped (min-score 1, no-score 1)" ]
    [ "$(head -n 1 dropped.jsonl)" = '{"sample_id":"c","instruction":"q","input":null,"output":"seven77","quality_score":0,"_metadata":null,"_dropped":"min-score"}' ]
    [ "$(tail -n 1 dropped.jsonl)" = '{"sample_id":"d","instruction":"q","output":"x","_dropped":"no-score"}' ]
    [ "$(afs-filter -q --min-score 0 in.jsonl | ids)" = abc ]
    for wrong in nan 1.1 -1 x; do
        run afs-filter --min-score=$wrong in.jsonl
        [ "$status" -eq 2 ]
    done
}

@test "a score that is no number cannot be used" {
    printf '%s\n' '{"quality_score":"0.9"}' '{"quality_score":true}' '{"quality_score":1}' >in.jsonl
    run --separate-stderr afs-filter --min-score 0.5 in.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = '{"quality_score":1}' ]
    [[ "$stderr" == *"in.jsonl:1: field 'quality_score' must be a number;"* ]]
    [[ "$stderr" == *"2 rejected (not-sample 2)" ]]
}

@test "--has wants a field that is there and holds something" {
    write_scored in.jsonl
    [ "$(afs-filter -q --has input in.jsonl | ids)" = b ]
    [ "$(afs-filter -q --has _metadata.model in.jsonl | ids)" = a ]
    [ "$(afs-filter -q --has _metadata.flags in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --has quality_score in.jsonl | ids)" = abc ]
    [ "$(afs-filter -q --has sample_id.x in.jsonl | ids)" = "" ]
    run --separate-stderr afs-filter --has quality_score --has _metadata.model in.jsonl
    [ "$stderr" = "afs-filter: 4 read, 1 written, 3 dropped (lacks-_metadata.model 2, lacks-quality_score 1)" ]
}

@test "--max-chars counts characters of instruction, input and output" {
    write_scored in.jsonl
    [ "$(afs-filter -q --max-chars 5 in.jsonl | ids)" = abd ]
    [ "$(afs-filter -q --max-chars 4 in.jsonl | ids)" = d ]
    run --separate-stderr afs-filter --max-chars 5 in.jsonl
    [ "$stderr" = "afs-filter: 4 read, 3 written, 1 dropped (max-chars 1)" ]
    run --separate-stderr afs-filter --max-chars 5 - <<<'{"output":7}'
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"stdin:1: field 'output' must be a string;"* ]]
}

@test "--where is a jq expression; any true output keeps the line as it is" {
    write_scored in.jsonl
    [ "$(afs-filter -q --where '.quality_score > 0.3' in.jsonl | ids)" = ab ]
    [ "$(afs-filter -q --where '.input' in.jsonl | ids)" = ab ]
    [ "$(afs-filter -q --where 'empty' in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --where 'false, null, 0' in.jsonl | ids)" = abcd ]
    [ "$(afs-filter -q --where '.output | length == 2 # bytes do not count' in.jsonl | ids)" = b ]
    afs-filter -q --where 'true' in.jsonl | cmp - in.jsonl
    run --separate-stderr afs-filter --where '.input == "in"' in.jsonl
    [ "$stderr" = "afs-filter: 4 read, 1 written, 3 dropped (where 3)" ]
}

@test "all conditions must hold" {
    write_scored in.jsonl
    run --separate-stderr afs-filter --where '.sample_id != "b"' --min-score 0.2 --max-chars 9 --has output in.jsonl
    [ "$(ids <<<"$output")" = a ]
    [ "$stderr" = "afs-filter: 4 read, 1 written, 3 dropped (min-score 1, no-score 1, where 1)" ]
}

@test "an expression that does not compile is wrong usage" {
    write_scored in.jsonl
    for wrong in '.a[' '' 'nosuchfunction' '$nosuch' 'import "a" as a; .' 'include "a"; .'; do
        run --separate-stderr afs-filter --where "$wrong" in.jsonl -o out.jsonl
        [ "$status" -eq 2 ]
        [[ "$stderr" == "afs-filter: --where: "* ]]
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ ! -e out.jsonl ]
    done
}

@test "an expression that fails on a record makes it unusable, without telling what is in it" {
    printf '%s\n' '{"a":"se""cret"}' '{"a":"SECRET"}' '{"a":1}' >in.jsonl
    run --separate-stderr afs-filter --where '.a + 1 == 2' in.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = '{"a":1}' ]
    [[ "$stderr" == *"in.jsonl:2: the expression of --where fails on this record; use --rejects FILE"* ]]
    [[ "$stderr" != *SECRET* ]]
    run --separate-stderr afs-filter --where 'error(.a)' --rejects bad.jsonl in.jsonl
    [ "$status" -eq 0 ]
    [ "$(grep -c '"reason":"where"' bad.jsonl)" -eq 2 ]
    [[ "$stderr$(cat bad.jsonl)" != *SECRET* ]]
}

@test "an expression sees no environment, no file, no module and no other record, and stops nothing" {
    export AFS_TEST_SECRET=visible
    printf 'def leak: "leaked";\n' >"$HOME/.jq"
    printf 'def leak: "leaked";\n' >m.jq
    printf '{"k":1}\n' >d.json
    write_scored in.jsonl
    [ "$(afs-filter -q --where 'env | length > 0' in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --where '$ENV | length > 0' in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --where 'env.AFS_TEST_SECRET, $ENV.AFS_TEST_SECRET, env.HOME' in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --where 'input_filename' in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --where 'inputs' in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --where 'halt, halt_error' in.jsonl | ids)" = "" ]
    [ "$(afs-filter -q --where '(debug, stderr) | false' in.jsonl 2>&1 | ids)" = "" ]
    [ "$(afs-filter -q --where 'getpath(["sample_id"]) == "a", $__loc__.file == "x"' in.jsonl | ids)" = a ]
    for wrong in leak "import \"m\" as m {search:\"$PWD\"}; m::leak" "import \"d\" as \$d {search:\"$PWD\"}; \$d"; do
        run afs-filter --where "$wrong" in.jsonl
        [ "$status" -eq 2 ]
    done
    for failing in input '"m" | modulemeta'; do
        run --separate-stderr afs-filter --where "$failing" in.jsonl
        [ "$status" -eq 1 ]
        [ -z "$output" ]
    done
}

@test "the environment is still there for the rest of the command" {
    write_scored "$HOME/in.jsonl"
    echo x >>"$HOME/in.jsonl"
    mkdir elsewhere
    cd elsewhere
    afs-filter -q --where 'true' --rejects bad.jsonl "$HOME/in.jsonl"
    grep -q '"file":"~/in.jsonl"' bad.jsonl
}

@test "jq takes numbers as jq does, and the line keeps its own" {
    printf '%s\n' '{"n":100000000000000000000000001,"s":"\ud83d"}' >in.jsonl
    [ "$(afs-filter -q --where '.n > 1 and (.s | length == 1)' in.jsonl)" = "$(cat in.jsonl)" ]
}

@test "what cannot be read is said, and the rest is still filtered" {
    write_scored in.jsonl
    printf '%s\n' 'no' '[]' '"text"' >bad.jsonl
    printf '{"quality_score":1}' >last.jsonl
    : >empty.jsonl
    run --separate-stderr afs-filter nothing.jsonl in.jsonl
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    run afs-filter .
    [ "$status" -eq 2 ]
    run --separate-stderr afs-filter empty.jsonl bad.jsonl last.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = '{"quality_score":1}' ]
    [[ "$stderr" == *"4 read, 1 written, 3 rejected (json 1, not-object 2)" ]]
    run --separate-stderr afs-filter bad.jsonl --rejects r.jsonl --rejects-text --max-reject 0.9
    [ "$status" -eq 3 ]
    grep -q '"text":"no"' r.jsonl
    run afs-filter bad.jsonl --strict
    [ "$status" -eq 1 ]
}

@test "--limit counts what is written, and the summary has every reason" {
    write_scored in.jsonl
    afs-filter -q --where '.sample_id != "a"' --limit 1 --summary s.json in.jsonl >out
    [ "$(ids <out)" = b ]
    grep -q '"read":2,"written":1,"rejected":0,"reject_reasons":{},"dropped":{"where":1}' s.json
}

write_many() {
    printf '%s\n' \
        '{"sample_id":"a","instruction":"one two","input":"","output":"Der Hund ist nicht auf dem Dach und die Katze ist es auch nicht.","source":"codex","domain":"code","quality_score":0.5,"quality_components":{"relevance":0.2,"variety":1},"_metadata":{"turn":0,"flags":["open"]},"messages":[{"role":"user","content":"one two three"}]}' \
        '{"sample_id":"b","instruction":"three","input":"","output":"The dog is not on the roof and it is not with the cat, which is in the house.","source":"claude","domain":"code","quality_score":0.6,"quality_components":{"relevance":null,"variety":0.5},"_metadata":{"turn":5,"flags":["interrupted","open"]},"messages":null}' \
        '{"sample_id":"c","instruction":"x","input":"","output":"y","source":"codex","domain":"text","quality_score":0.7,"quality_components":{"relevance":0.9,"variety":0},"_metadata":{"turn":9,"flags":null}}' >"$1"
}

@test "--min and --max bound a part of the score or any number under a path" {
    write_many in.jsonl
    [ "$(afs-filter -q --min relevance=0.3 in.jsonl | ids)" = bc ]
    [ "$(afs-filter -q --min quality_components.relevance=0.3 in.jsonl | ids)" = bc ]
    [ "$(afs-filter -q --max _metadata.turn=5 in.jsonl | ids)" = ab ]
    [ "$(afs-filter -q --min quality_score=0.6 --max quality_score=0.6 in.jsonl | ids)" = b ]
    run --separate-stderr afs-filter --min variety=0.1 --max variety=0.9 --min _metadata.turn=1 in.jsonl
    [ "$stderr" = "afs-filter: 3 read, 1 written, 2 dropped (min-_metadata.turn 1, min-variety 1)" ]
    for wrong in relevance relevance=x relevance=nan relevance=inf =1; do
        run afs-filter --min $wrong in.jsonl
        [ "$status" -eq 2 ]
    done
}

@test "a field of --min that no record has is wrong usage, one that some lack drops those" {
    write_many in.jsonl
    run --separate-stderr afs-filter --min relevanec=0.3 in.jsonl -o out.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-filter: no record has the number 'relevanec' of --min or --max; name one that they have" ]
    [ ! -e out.jsonl ]
    echo '{"sample_id":"d"}' >>in.jsonl
    run --separate-stderr afs-filter --min variety=0 in.jsonl
    [ "$stderr" = "afs-filter: 4 read, 3 written, 1 dropped (no-variety 1)" ]
    run afs-filter --min relevanec=0.3 </dev/null
    [ "$status" -eq 0 ]
    run --separate-stderr afs-filter --min sample_id=0 in.jsonl
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"field 'sample_id' must be a number"* ]]
}

@test "--source, --domain and --without-flag go by name" {
    write_many in.jsonl
    [ "$(afs-filter -q --source codex in.jsonl | ids)" = ac ]
    [ "$(afs-filter -q --source claude,codex --domain text in.jsonl | ids)" = c ]
    [ "$(afs-filter -q --without-flag interrupted in.jsonl | ids)" = ac ]
    run --separate-stderr afs-filter --source codex --domain code --without-flag open --without-flag interrupted in.jsonl
    [ "$stderr" = "afs-filter: 3 read, 0 written, 3 dropped (domain 1, flag-open 1, source 1)" ]
    run afs-filter --source codex, in.jsonl
    [ "$status" -eq 2 ]
}

@test "--language keeps the languages that are named, und what tells none" {
    write_many in.jsonl
    [ "$(afs-filter -q --language de in.jsonl | ids)" = a ]
    [ "$(afs-filter -q --language en,und in.jsonl | ids)" = bc ]
    run --separate-stderr afs-filter --language en --dropped d.jsonl in.jsonl
    [ "$stderr" = "afs-filter: 3 read, 1 written, 2 dropped (language-de 1, language-und 1)" ]
    [ "$(grep -o '"_dropped":.*' d.jsonl)" = $'"_dropped":"language-de"}\n"_dropped":"language-und"}' ]
    run --separate-stderr afs-filter --language english in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == "afs-filter: --language: 'english' is not known; en de "*" und are" ]]
}

@test "lengths in characters and tokens are of three fields, or of one that is named" {
    write_many in.jsonl
    [ "$(afs-filter -q --min-chars 3 in.jsonl | ids)" = ab ]
    [ "$(afs-filter -q --min-chars instruction=2 --max-chars instruction=5 in.jsonl | ids)" = b ]
    [ "$(afs-filter -q --max-chars messages=0 in.jsonl | ids)" = bc ]
    [ "$(afs-filter -q --min-tokens 3 in.jsonl | ids)" = ab ]
    [ "$(afs-filter -q --min-tokens 3 --tokenizer words in.jsonl | ids)" = ab ]
    [ "$(afs-filter -q --max-tokens output=14 --tokenizer words in.jsonl | ids)" = ac ]
    [ "$(afs-filter -q --max-tokens output=16 --tokenizer chars4 in.jsonl | ids)" = ac ]
    run --separate-stderr afs-filter --min-tokens messages=1 --max-tokens 2 --min-chars 3 in.jsonl
    [ "$stderr" = "afs-filter: 3 read, 0 written, 3 dropped (max-tokens 1, min-chars 1, min-tokens-messages 1)" ]
    for wrong in "--max-chars domain=3" "--max-chars -1" "--max-tokens x" "--tokenizer words"; do
        # shellcheck disable=SC2086
        run afs-filter $wrong in.jsonl
        [ "$status" -eq 2 ]
    done
}

@test "a folder with tokenizer.json needs the package tokenizers, which is named" {
    write_many in.jsonl
    mkdir model
    run --separate-stderr afs-filter --max-tokens 5 --tokenizer model in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == "afs-filter: --tokenizer: model/tokenizer.json: no such file; "* ]]
    echo '{}' >model/tokenizer.json
    mkdir none
    echo 'raise ModuleNotFoundError(name="tokenizers")' >none/tokenizers.py
    PYTHONPATH=none run --separate-stderr afs-filter --max-tokens 5 --tokenizer model in.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-filter: --tokenizer: the package tokenizers is missing; install it, or name words or chars4" ]
}

@test "--where without an end takes --where-seconds and makes its record unusable" {
    for n in {1..40}; do echo "{\"n\":$n}"; done >in.jsonl
    echo bad >>in.jsonl
    run --separate-stderr afs-filter --where 'if .n % 20 == 3 then last(range(1e18)) else .n % 2 == 0 end' --where-seconds 0.3 \
        --dropped d.jsonl --rejects r.jsonl in.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-filter: 41 read, 20 written, 18 dropped (where 18), 3 rejected (json 1, where 2)" ]
    [ "$(grep -o '"line":[0-9]*' r.jsonl | tr -d '\n')" = '"line":3"line":23"line":41' ]
    [ "${lines[19]}" = '{"n":40}' ]
    run --separate-stderr afs-filter --where 'def f: f; f' --where-seconds 0.2 in.jsonl -o out.jsonl
    [ "$status" -eq 1 ]
    [[ "${stderr_lines[0]}" == "afs-filter: in.jsonl:1: the expression of --where takes over 0.2 seconds; "* ]]
    [ "${#stderr_lines[@]}" -eq 11 ]
    [ "${stderr_lines[10]}" = "afs-filter: --where takes too much time or memory again and again; the run stops" ]
    [ ! -e out.jsonl ]
    for wrong in "--where-seconds 0 --where ." "--where-seconds nan --where ." "--where-seconds 1"; do
        # shellcheck disable=SC2086
        run afs-filter $wrong in.jsonl
        [ "$status" -eq 2 ]
    done
}

@test "what is rejected and what waits for --where keep their order, and --strict stops at the first" {
    printf '%s\n' '{"a":1}' '{"a":{}}' 'bad' '{"a":2}' '{"a":[]}' '[]' >in.jsonl
    run --separate-stderr afs-filter --where '.a + 1 > 2' --rejects r.jsonl in.jsonl
    [ "$output" = '{"a":2}' ]
    [ "$(grep -o '"line":[0-9]' r.jsonl | tr -d '\n')" = '"line":2"line":3"line":5"line":6' ]
    run --separate-stderr afs-filter --where '.a + 1 > 2' --strict in.jsonl
    [ "$status" -eq 1 ]
    [[ "${stderr_lines[0]}" == "afs-filter: in.jsonl:2: the expression"* ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "--where without the package jq says so" {
    mkdir none
    echo 'raise ModuleNotFoundError(name="jq")' >none/jq.py
    PYTHONPATH=none run --separate-stderr afs-filter --where . </dev/null
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-filter: jq is missing; run scripts/afs-venv and activate .venv" ]
}
