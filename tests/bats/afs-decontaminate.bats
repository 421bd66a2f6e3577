#!/usr/bin/env bats
# The shell contract of afs-decontaminate.

load helper

lamps='Three switches in the cellar belong to three lamps in the attic. You may go up only once. How do you find out which switch belongs to which lamp?'

# Four samples: the second holds a long item, the third a short one, the fourth a piece of the long one.
write_in() {
    printf '%s\n' \
        '{"sample_id":"a", "instruction":"Say hi.","output":"Hi, you there."}' \
        "{\"sample_id\":\"b\",\"instruction\":\"Help me.\",\"input\":\"\",\"output\":\"Here it is: ${lamps^^} Think!\"}" \
        '{"sample_id":"c","instruction":"How many kilometres are 26.2 miles","output":"42.16","messages":null}' \
        '{"sample_id":"d","instruction":"q","output":"An attic. You may go up only once. How do you find out which way"}' >"$1"
    printf '%s\n' \
        "{\"id\":\"lamps\",\"question\":\"$lamps\",\"answer\":\"B\"}" \
        '{"id":7,"question":"How many kilometres are 26.2 miles?","answer":"42.16"}' >items.jsonl
}

ids() { grep -o '"sample_id":"[^"]*"' | cut -d '"' -f 4 | tr -d '\n'; }

@test "samples that hold an item are dropped, the others pass byte for byte and in order" {
    write_in in.jsonl
    run --separate-stderr afs-decontaminate --against items.jsonl in.jsonl --dropped dropped.jsonl
    [ "$status" -eq 0 ]
    [ "$output" = "$(sed '2,3d' in.jsonl)" ]
    [ "$stderr" = "afs-decontaminate: 4 read, 2 written, 2 dropped (contaminated 2), 2 benchmark_texts" ]
    [ "$(ids <dropped.jsonl)" = bc ]
    [ "$(grep -c '"_dropped":"contaminated"}$' dropped.jsonl)" -eq 2 ]
    afs-decontaminate -q --against items.jsonl -i in.jsonl -o in.jsonl
    [ "$(ids <in.jsonl)" = ad ]
}

@test "--matches says which item of which line is in which field of which sample, and how much of it" {
    write_in in.jsonl
    afs-decontaminate -q --against items.jsonl --matches m.jsonl in.jsonl >/dev/null
    [ "$(head -n 1 m.jsonl)" = '{"file":"items.jsonl","line":1,"id":"lamps","field":"question","same":0,"coverage":1.0,"ngram":13,"words":29,"sample_file":"in.jsonl","sample_line":2,"sample_id":"b","sample_fields":["output"]}' ]
    [ "$(tail -n 1 m.jsonl)" = '{"file":"items.jsonl","line":2,"id":7,"field":"question","same":0,"coverage":1.0,"ngram":7,"words":7,"sample_file":"in.jsonl","sample_line":3,"sample_id":"c","sample_fields":["instruction"]}' ]
    [ "$(wc -l <m.jsonl)" -eq 2 ]
}

@test "--ngram and --threshold say how much of an item is too much" {
    write_in in.jsonl
    # 13 of 29 words of the long item are in d: a run of 13, six of 8.
    [ "$(afs-decontaminate -q --against items.jsonl --threshold 0.44 in.jsonl | ids)" = a ]
    [ "$(afs-decontaminate -q --against items.jsonl --threshold 0.45 in.jsonl | ids)" = ad ]
    [ "$(afs-decontaminate -q --against items.jsonl --ngram 14 --threshold 0 in.jsonl | ids)" = ad ]
    [ "$(afs-decontaminate -q --against items.jsonl --ngram 8 --threshold 0 in.jsonl | ids)" = a ]
    for wrong in "--ngram 1" "--ngram 101" "--ngram x" "--threshold 2" "--threshold nan"; do
        # shellcheck disable=SC2086
        run afs-decontaminate --against items.jsonl $wrong in.jsonl
        [ "$status" -eq 2 ]
    done
}

@test "--mark drops nothing and names the best match" {
    write_in in.jsonl
    run --separate-stderr afs-decontaminate --against items.jsonl --mark in.jsonl
    [ "$status" -eq 0 ]
    [ "$stderr" = "afs-decontaminate: 4 read, 4 written, 2 benchmark_texts" ]
    [[ "${lines[1]}" == *',"_contaminated":{"file":"items.jsonl","line":1,"id":"lamps","field":"question","coverage":1.0}}' ]]
    [ "$(grep -c _contaminated <<<"$output")" -eq 2 ]
    [ "$(afs-decontaminate -q --against items.jsonl --mark <<<"$output")" = "$output" ]
    run afs-decontaminate --against items.jsonl --mark --dropped d in.jsonl
    [ "$status" -eq 2 ]
}

@test "--check writes nothing and answers by its status" {
    write_in in.jsonl
    run --separate-stderr afs-decontaminate --against items.jsonl --check in.jsonl --matches m.jsonl
    [ "$status" -eq 3 ]
    [ -z "$output" ]
    [ "${stderr_lines[0]}" = "afs-decontaminate: 2 of 4 samples hold items; --matches FILE says which" ]
    [ "$(wc -l <m.jsonl)" -eq 2 ]
    run --separate-stderr afs-decontaminate -q --against items.jsonl --check <(sed '2,3d' in.jsonl)
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
    for wrong in "-o out" "--dropped out" --mark; do
        # shellcheck disable=SC2086
        run afs-decontaminate --against items.jsonl --check $wrong in.jsonl
        [ "$status" -eq 2 ]
        [ ! -e out ]
    done
}

@test "several references, plain text with an item a line, packed ones, and --field" {
    write_in in.jsonl
    printf 'a heading\n\n%s\n' "$lamps" >items.txt
    [ "$(afs-decontaminate -q --against items.txt in.jsonl | ids)" = acd ]
    gzip -k items.jsonl
    [ "$(afs-decontaminate -q --against items.jsonl.gz in.jsonl | ids)" = ad ]
    printf '{"deep":{"ask":"%s"},"question":"Say hi."}\n' "$lamps" >deep.jsonl
    [ "$(afs-decontaminate -q --against deep.jsonl in.jsonl | ids)" = bcd ]
    [ "$(afs-decontaminate -q --against deep.jsonl --field deep.ask in.jsonl | ids)" = acd ]
    [ "$(afs-decontaminate -q --against deep.jsonl --field deep.ask --field question in.jsonl | ids)" = cd ]
    afs-decontaminate -q --against deep.jsonl --against items.txt --summary s.json in.jsonl >/dev/null
    grep -q '"references":{"deep.jsonl":{"texts":1,"matched":1},"items.txt":{"texts":2,"matched":1}}' s.json
    grep -q '"template_ngrams":0,"texts_not_looked_for":0,"samples_matched":2,' s.json
}

@test "a reference that holds nothing is wrong usage, with and without samples" {
    write_in in.jsonl
    : >empty
    printf '{"other":1}\n' >other.jsonl
    printf '[\n{"question":"q"}\n]\n' >array.json
    for reference in empty other.jsonl array.json gone .; do
        for input in in.jsonl empty; do
            run --separate-stderr afs-decontaminate --against items.jsonl --against $reference $input -o out
            [ "$status" -eq 2 ]
            [[ "$stderr" == "afs-decontaminate: --against $reference: "* ]]
            [ ! -e out ]
        done
    done
    run --separate-stderr afs-decontaminate in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"name one with --against FILE"* ]]
}

@test "a damaged line of a reference is named and makes the status 1; a damaged file ends the run" {
    write_in in.jsonl
    sed -i '1a no json' items.jsonl
    run --separate-stderr afs-decontaminate --against items.jsonl in.jsonl -o out
    [ "$status" -eq 1 ]
    [[ "${stderr_lines[0]}" == "afs-decontaminate: items.jsonl:2: not JSON"*"; its item is not looked for" ]]
    [ "$(ids <out)" = ad ]
    for n in {1..5000}; do printf '{"question":"%s %s"}\n' "$lamps" "$n$RANDOM"; done | gzip | head -c 9000 >torn.gz
    run --separate-stderr afs-decontaminate --against torn.gz in.jsonl -o new
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"torn.gz: the gzip data"*"; nothing is looked for" ]]
    [ ! -e new ]
}

@test "an item that many samples match is named at the end" {
    write_in in.jsonl
    for n in {1..30}; do printf '{"instruction":"Say hi %s.","output":"%s"}\n' "$n" "$([ $((n % 10)) -eq 0 ] && echo "$lamps")"; done >in2.jsonl
    run --separate-stderr afs-decontaminate --against items.jsonl in2.jsonl
    [ "${#lines[@]}" -eq 27 ]
    [ "${stderr_lines[0]}" = "afs-decontaminate: items.jsonl:1: its question is in 3 of 30 samples; is it an item?" ]
    run --separate-stderr afs-decontaminate --against items.jsonl in.jsonl
    [[ "$stderr" != *"is it an item"* ]]
}

@test "what is no sample is rejected; samples of chat messages alone are read too" {
    printf '%s\n' 'no' '[]' '{}' '{"instruction":5}' '{"messages":[{"role":"user","content":5}]}' \
        '{"sample_id":"m","messages":[{"role":"user","content":"How many kilometres are 26.2 miles?"}]}' \
        '{"sample_id":"n","messages":[{"role":"user","content":"How many?"}]}' >bad.jsonl
    write_in in.jsonl
    run --separate-stderr afs-decontaminate --against items.jsonl bad.jsonl
    [ "$status" -eq 1 ]
    [ "$(ids <<<"$output")" = n ]
    [[ "$stderr" == *"7 read, 1 written, 1 dropped (contaminated 1), 5 rejected (json 1, not-object 1, not-sample 3)"* ]]
    run --separate-stderr afs-decontaminate -q --against items.jsonl bad.jsonl --rejects r.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <r.jsonl)" -eq 5 ]
}

@test "memory is that of the index and a batch, whatever the samples" {
    write_in in.jsonl
    python3 - <<'PY'
import json
words = " ".join(f"word{n % 997}" for n in range(3_000_000))
with open("big.jsonl", "w") as out:
    out.write(json.dumps({"instruction": "q", "output": words}) + "\n")
    for n in range(4000):
        out.write(json.dumps({"instruction": f"q {n}", "output": words[n : n + 4000]}) + "\n")
PY
    python3 - <<'PY'
import os, resource, subprocess
done = subprocess.run(["afs-decontaminate", "-q", "--against", "items.jsonl", "big.jsonl", "-o", "out.jsonl"])
assert done.returncode == 0
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert peak < 220 << 10, peak  # the one record of 25 MB and its text, some 20 MB more of each batch
PY
    cmp big.jsonl out.jsonl
}
