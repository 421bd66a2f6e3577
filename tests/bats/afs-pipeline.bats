#!/usr/bin/env bats

load pipeline

@test "it makes every file, and the table of the stages goes to standard output" {
    run --separate-stderr afs-pipeline --home 'my home: x'
    [ "$status" -eq 0 ]
    [ "$(ran)" = "raw/codex raw/claude samples scored kept $after_kept" ]
    [ "${lines[0]}" = 'stage         state  read  written  redacted  seconds  rejected  dropped' ]
    [[ $output == *'unique        done      6        5                0.5  0         1 (duplicate 1)'* ]]
    [[ $stderr == *'training_data/pipeline-home is complete: 5 samples (train 2, val 2, test 1)'* ]]
    cd training_data/pipeline-home
    [ "$(cat raw/codex.jsonl raw/claude.jsonl)" = "$(cat samples.jsonl)" ]
    local part
    for part in train val test; do
        cmp "splits/$part.jsonl" "openai/$part.jsonl"
        cmp "splits/$part.jsonl" "alpaca/$part.jsonl"
    done
    [ "$(jq -c .samples summary.json)" = '{"train":2,"val":2,"test":1}' ]
    [ "$(jq -c '.stages.unique.dropped' summary.json)" = '{"duplicate":1}' ]
    local sum='import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
    [ "$(jq -r '.files["splits/train.jsonl"].sha256' manifest.json)" = "$(python3 -c "$sum" <splits/train.jsonl)" ]
    [ "$(jq -r '.home, .variables.SEED, (.versions | has("orjson"))' manifest.json)" = $'my home: x\n42\ntrue' ]
}

@test "folders of converted files hold nothing but data" {
    afs-pipeline -q --home 'my home: x'
    [ "$(ls -A training_data/pipeline-home/openai)" = $'test.jsonl\ntrain.jsonl\nval.jsonl' ]
    [ -f training_data/pipeline-home/openai-train.summary.json ]
    [ -f training_data/pipeline-home/openai-train.rejects.jsonl ]
}

@test "a second run does nothing and says so" {
    afs-pipeline --home 'my home: x'
    ran
    run --separate-stderr afs-pipeline --home 'my home: x'
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ -z "$(ran)" ]
    [[ $stderr == 'afs-pipeline: training_data/pipeline-home is up to date; nothing to do: 5 samples'* ]]
}

@test "a changed option re-runs its stage and what follows" {
    afs-pipeline -q --home 'my home: x'
    ran
    afs-pipeline -q --home 'my home: x' --min-score 0.9
    [ "$(ran)" = "kept $after_kept" ]
    afs-pipeline -q --home 'my home: x' --min-score 0.9 --seed 7
    [ "$(ran)" = "${after_kept#unique }" ]
    afs-pipeline -q --home 'my home: x' --min-score 0.9 --seed 7 --format alpaca,sharegpt
    [ "$(ran)" = 'sharegpt/train sharegpt/val sharegpt/test' ]
    afs-pipeline -q --home 'my home: x' --min-score 0.9 --seed 7 --max-reject 0.5
    [ "$(ran)" = "samples scored kept $after_kept" ]
}

@test "without --min-score '' samples are held to 0.05, with it to nothing" {
    run --separate-stderr afs-pipeline -n --home 'my home: x'
    [[ $output == *'afs-filter --min-score 0.05 --has output scored.jsonl '* ]]
    run --separate-stderr afs-pipeline -n --home 'my home: x' --min-score ''
    [[ $output == *'afs-filter --has output scored.jsonl '* ]]
}

@test "a changed byte of a command re-runs its stage and what follows" {
    afs-pipeline -q --home 'my home: x'
    ran
    echo '#' >>"$AFS_BIN/afs-filter"
    afs-pipeline -q --home 'my home: x'
    [ "$(ran)" = "kept $after_kept" ]
}

@test "a log that is added, grown or removed re-runs its exporter and what follows" {
    afs-pipeline -q --home 'my home: x'
    ran
    echo '{"claude":9}' >"${claude_log%2.jsonl}3.jsonl"
    afs-pipeline -q --home 'my home: x'
    [ "$(ran)" = "raw/claude samples scored kept $after_kept" ]
    echo '{"codex":9}' >>"$codex_log"
    afs-pipeline -q --home 'my home: x'
    [ "$(ran)" = "raw/codex samples scored kept $after_kept" ]
    grep -q '{"codex":9}' training_data/pipeline-home/samples.jsonl
    rm "${claude_log%2.jsonl}3.jsonl"
    afs-pipeline -q --home 'my home: x'
    [ "$(ran)" = "raw/claude samples scored kept $after_kept" ]
    run ! grep -q '{"claude":9}' training_data/pipeline-home/samples.jsonl
}

@test "a source that is removed disappears from the samples, and comes back without being read again" {
    afs-pipeline -q --home 'my home: x'
    ran
    afs-pipeline -q --home 'my home: x' --sources codex
    [ "$(ran)" = "samples scored kept $after_kept" ]
    run ! grep -q claude training_data/pipeline-home/samples.jsonl
    afs-pipeline -q --home 'my home: x' --sources codex,claude
    [ "$(ran)" = "samples scored kept $after_kept" ]
    grep -q claude training_data/pipeline-home/samples.jsonl
}

@test "with --input alone no logs are read, and the default folder is training_data/pipeline" {
    echo '{"input":1}' >'a b.jsonl'
    echo '{"input":2}' >"it's c:d.jsonl"
    HOME="$PWD/my home: x" run --separate-stderr afs-pipeline --input 'a b.jsonl' -i "it's c:d.jsonl"
    [ "$status" -eq 0 ]
    [ "$(ran)" = "raw/input samples scored kept $after_kept" ]
    [ "$(cat training_data/pipeline/samples.jsonl)" = $'{"input":1}\n{"input":2}' ]
    [ "$(jq -c '.inputs, .home' training_data/pipeline/manifest.json)" = $'["a b.jsonl","it\'s c:d.jsonl"]\nnull' ]
    echo '{"input":3}' >>'a b.jsonl'
    afs-pipeline -q --input 'a b.jsonl' -i "it's c:d.jsonl"
    [ "$(ran)" = "raw/input samples scored kept $after_kept" ]
}

@test "with --home and --input both are used" {
    echo '{"input":1}' >a.jsonl
    afs-pipeline -q --home 'my home: x' --input a.jsonl --output out
    [ "$(ran)" = "raw/codex raw/claude raw/input samples scored kept $after_kept" ]
    grep -q input out/samples.jsonl
    grep -q codex out/samples.jsonl
}

@test "a folder of any name takes the files" {
    local name=$'o\'ut: $x # y'
    afs-pipeline -q --home 'my home: x' --output "$name"
    [ "$(wc -l <"$name/unique.jsonl")" -eq 5 ]
    run --separate-stderr afs-pipeline --home 'my home: x' --output "$name"
    [[ $stderr == *'nothing to do'* ]]
}

@test "a link to a folder takes the files" {
    mkdir real
    ln -s real link
    afs-pipeline -q --home 'my home: x' --output link
    [ -f real/openai/train.jsonl ]
}

@test "a folder made from another home is refused" {
    afs-pipeline -q --home 'my home: x' --output out
    ran
    mkdir other
    run --separate-stderr afs-pipeline --home other --output out
    [ "$status" -eq 2 ]
    [[ $stderr == 'afs-pipeline: out was made from the logs of my home: x, not of other; name another folder'* ]]
    [ -z "$(ran)" ]
    echo '{"input":1}' >a.jsonl
    afs-pipeline -q --input a.jsonl --output out
    run -2 afs-pipeline --home other --output out
    ln -s 'my home: x' same
    run -0 afs-pipeline --home same --output out
}

@test "a failing stage gives its own exit status, and its file stays as it was" {
    afs-pipeline -q --home 'my home: x'
    cp training_data/pipeline-home/scored.jsonl before
    echo '{"codex":9}' >>"$codex_log"
    ran
    FAIL=score:3 run --separate-stderr afs-pipeline --home 'my home: x'
    [ "$status" -eq 3 ]
    [ "$(ran)" = 'raw/codex samples scored' ]
    [[ $stderr == *'afs-pipeline: training_data/pipeline-home: stage scored failed with exit 3; run again'* ]]
    cmp before training_data/pipeline-home/scored.jsonl
    afs-pipeline -q --home 'my home: x'
    [ "$(ran)" = "scored kept $after_kept" ]
    [ ! -e training_data/pipeline-home/scored.jsonl.part ]
    [ ! -e training_data/pipeline-home/.stamp/failed ]
}

@test "of several failing stages the first in the usual order gives the status" {
    sed -i.old 's/failing == name/name.startswith("export")/; s/int(status)/{"export-codex": 3, "export-claude": 4}[name]/' \
        "$AFS_BIN"/afs-export-*
    run --separate-stderr afs-pipeline --home 'my home: x' --jobs 2
    [ "$status" -eq 4 ]
}

@test "a stage that is killed leaves its file as it was, and the next run goes on from there" {
    afs-pipeline -q --home 'my home: x'
    cp training_data/pipeline-home/kept.jsonl before
    ran
    HANG=filter afs-pipeline -q --home 'my home: x' --min-score 0.9 2>err &
    local pipeline=$!
    until grep -qs hanging "$RAN"; do sleep 0.05; done
    kill -9 "$(awk '/hanging/ { print $2 }' "$RAN")"
    wait "$pipeline" && status=0 || status=$?
    [ "$status" -eq 1 ]
    grep -q 'stage kept failed with exit 137' err
    cmp before training_data/pipeline-home/kept.jsonl
    ran
    afs-pipeline -q --home 'my home: x' --min-score 0.9
    [ "$(ran)" = "kept $after_kept" ]
}

@test "one run at a time in a folder: the second is told, and the lock ends with the first" {
    HANG=score afs-pipeline -q --home 'my home: x' &
    local pipeline=$!
    until grep -qs hanging "$RAN"; do sleep 0.05; done
    run --separate-stderr afs-pipeline --home 'my home: x'
    [ "$status" -eq 2 ]
    [[ $stderr == 'afs-pipeline: another run is at work in training_data/pipeline-home; '* ]]
    run -0 afs-pipeline --home 'my home: x' --output other
    kill "$pipeline"
    kill "$(awk '/hanging/ { print $2 }' "$RAN")"
    wait "$pipeline" && status=0 || status=$?
    [ "$status" -eq 130 ]
    [ ! -e training_data/pipeline-home/scored.jsonl ]
    run -0 afs-pipeline -q --home 'my home: x'
}

@test "a stage that outlives a killed run still holds the folder" {
    HANG=score afs-pipeline -q --home 'my home: x' &
    local pipeline=$!
    until grep -qs hanging "$RAN"; do sleep 0.05; done
    local stage
    stage=$(awk '/hanging/ { print $2 }' "$RAN")
    kill -9 "$pipeline"
    run -2 afs-pipeline --home 'my home: x'
    kill -9 "$stage"
    local tries=0
    until afs-pipeline -q --home 'my home: x' 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 20 ]
    done
}

@test "--known and --rules reach the exporters and the redactor" {
    printf 'amber\n' >known.txt
    printf '' >rules.toml
    run --separate-stderr afs-pipeline --dry-run --home 'my home: x' -i "$ROOT/examples/samples.jsonl" \
        --known known.txt --rules rules.toml --output out
    [ "$status" -eq 0 ]
    [ "$(grep -c -e '--known ../known.txt --rules ../rules.toml' <<<"$output")" -eq 3 ]
}

@test "a dry run prints what would run and writes nothing" {
    run --separate-stderr afs-pipeline --dry-run --home 'my home: x' --output out
    [ "$status" -eq 0 ]
    [ ! -e out ]
    [ -z "$(ran)" ]
    [ "${lines[0]}" = '# in out:' ]
    [[ $output == *'# scored: rate each sample from 0 to 1'*'afs-score samples.jsonl --summary scored.summary.json '* ]]
    afs-pipeline -q --home 'my home: x' --output out
    cp -R out before
    run --separate-stderr afs-pipeline -n --home 'my home: x' --output out
    [ "$output" = '# in out: nothing to do' ]
    run --separate-stderr afs-pipeline -n --home 'my home: x' --output out --seed 7
    [ "${lines[1]}" = '# splits: part into train, val and test; a conversation stays whole' ]
    diff -r before out
}

@test "a file that was deleted is made again" {
    afs-pipeline -q --home 'my home: x'
    ran
    rm training_data/pipeline-home/splits/val.jsonl
    afs-pipeline -q --home 'my home: x'
    [ "$(ran)" = "${after_kept#unique }" ]
    rm training_data/pipeline-home/openai/test.jsonl
    afs-pipeline -q --home 'my home: x'
    [ "$(ran)" = openai/test ]
    rm training_data/pipeline-home/summary.json
    run --separate-stderr afs-pipeline --home 'my home: x'
    [ -z "$(ran)" ]
    [ -f training_data/pipeline-home/summary.json ]
}

@test "several jobs give the same bytes, and change no stamp" {
    afs-pipeline -q --home 'my home: x' --output one
    afs-pipeline -q --home 'my home: x' --output two --jobs 4
    diff -r -x '*.summary.json' -x manifest.json -x .stamp one two
    ran
    afs-pipeline -q --home 'my home: x' --output one -j 0
    [ -z "$(ran)" ]
}

@test "a home without logs, and an empty end, are said and are no error" {
    mkdir empty
    run --separate-stderr afs-pipeline --home empty --output out
    [ "$status" -eq 0 ]
    [[ $stderr == *'out is complete; but no sample is left and all files are empty'* ]]
    local file
    for file in raw/codex splits/train splits/val splits/test openai/train alpaca/test; do
        [ -f "out/$file.jsonl" ] && [ ! -s "out/$file.jsonl" ]
    done
}

@test "-q says nothing when all went well, and is passed on" {
    run --separate-stderr afs-pipeline -q --home 'my home: x'
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
    run --separate-stderr afs-pipeline --home 'my home: x'
    [[ $stderr == *'nothing to do'* ]]
}

@test "wrong usage is exit 2, says what is wrong, and writes nothing" {
    echo '{}' >a.jsonl
    mkdir empty
    expect() { # what is said, then the arguments
        local said=$1
        shift
        run --separate-stderr afs-pipeline --output out "$@"
        [ "$status" -eq 2 ] && [ -z "$output" ] && [[ $stderr == "afs-pipeline: $said"* ]] && [ ! -e out ] || {
            printf '%s\n' "wanted: $said" "got $status: $stderr" >&2
            return 1
        }
    }
    expect 'nothing-here: no such folder' --home nothing-here
    expect 'examples/home: no such folder; name a home with logs, or an input file'
    expect 'none.jsonl: no such file' --input none.jsonl
    expect 'none.jsonl: no such file' --input a.jsonl --input none.jsonl
    expect 'empty: is a folder; name the files in it' --input empty
    expect '/dev/null: is not a file' --input /dev/null
    expect "SOURCES: there is no exporter for 'codx'; known: claude, codex" --home 'my home: x' --sources codx
    expect "there is nothing to read; name a home with logs, or an input file" --home 'my home: x' --sources ''
    expect "FORMAT: no format 'opnai'; did you mean openai?" --home 'my home: x' --format opnai
    expect "MIN_SCORE: '2' is not a number from 0 to 1" --home 'my home: x' --min-score 2
    expect "MAX_REJECT: 'x' is not a number from 0 to 1" --home 'my home: x' --max-reject x
    expect "SEED: 'x' is not a whole number" --home 'my home: x' --seed x
    expect "JOBS: '-1' is not a whole number" --home 'my home: x' --jobs=-1
    expect 'unrecognized arguments: --speed; see afs-pipeline --help' --speed
    rm "$AFS_BIN/afs-score"
    run --separate-stderr afs-pipeline --home 'my home: x'
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-pipeline: afs-score: no such command in $AFS_BIN" ]
    run --separate-stderr afs-pipeline --home 'my home: x' --output a.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = 'afs-pipeline: a.jsonl: is a file; name a folder' ]
}

@test "without make it names the package" {
    mkdir tools
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$(command -v python3)" >tools/python3
    chmod +x tools/python3
    run --separate-stderr env PATH="$PWD/tools" "$ROOT/bin/afs-pipeline" --home 'my home: x'
    [ "$status" -eq 2 ]
    [ "$stderr" = 'afs-pipeline: make is missing; install the package make (GNU make 3.81 or newer)' ]
}

@test "it works where commands and package are in different places, as when installed" {
    mkdir site installed
    cp -R "$ROOT/lib/afs" site/afs
    cp "$AFS_BIN"/* "$ROOT/bin/afs-pipeline" "$ROOT/bin/afs-pipeline-status" installed/
    unset AFS_BIN
    PYTHONPATH="$PWD/site" installed/afs-pipeline -q --home 'my home: x'
    [ "$(wc -l <training_data/pipeline-home/unique.jsonl)" -eq 5 ]
    PYTHONPATH="$PWD/site" run --separate-stderr installed/afs-pipeline-status --dir training_data/pipeline-home
    [[ $stderr == *'13 of 13 stages done; nothing to do' ]]
}

@test "variables of the environment mean nothing here" {
    OUT=elsewhere FORMAT=nothing INPUT=/nowhere SEED=x run --separate-stderr afs-pipeline --home 'my home: x'
    [ "$status" -eq 0 ]
    [ -f training_data/pipeline-home/openai/train.jsonl ]
}

@test "a format of an earlier run does not stay beside another split" {
    afs-pipeline -q --home 'my home: x' --format openai,alpaca
    [ -f training_data/pipeline-home/alpaca/train.jsonl ]
    afs-pipeline -q --home 'my home: x' --format openai
    [ -f training_data/pipeline-home/alpaca/train.jsonl ]
    run --separate-stderr afs-pipeline --home 'my home: x' --format openai --seed 7
    [ "$status" -eq 0 ]
    [[ $stderr == *'removed alpaca/, made from another split'* ]]
    [ ! -e training_data/pipeline-home/alpaca ]
    [ ! -e training_data/pipeline-home/alpaca-train.summary.json ]
    [ -f training_data/pipeline-home/openai/train.jsonl ]
}
