#!/usr/bin/env bats

load pipeline

states() { afs-pipeline-status --as json --dir training_data/pipeline-home | jq -r '.stages[] | "\(.stage) \(.state)"'; }

@test "after a run every stage is done, with its counts" {
    afs-pipeline -q --home 'my home: x' --output training_data/pipeline
    run --separate-stderr afs-pipeline-status
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 'stage         state  read  written  redacted  seconds  rejected  dropped' ]
    [ "${lines[6]}" = 'unique        done      6        5                0.5  0         1 (duplicate 1)' ]
    [ "$stderr" = 'afs-pipeline-status: training_data/pipeline: 13 of 13 stages done; nothing to do' ]
    run --separate-stderr afs-pipeline-status -q --dir training_data/pipeline --as json
    [ -z "$stderr" ]
    [ "$(jq -c '.running, .stages[5]' <<<"$output")" = 'false
{"stage":"unique","state":"done","read":6,"written":5,"dropped":{"duplicate":1},"rejected":0,"reject_reasons":{},"redacted":null,"seconds":0.5}' ]
}

@test "what would run again is stale: for a log, a command, an input" {
    echo '{"input":1}' >a.jsonl
    afs-pipeline -q --home 'my home: x' --input a.jsonl
    [ "$(states | grep -cv done)" -eq 0 ]
    echo '#' >>"$AFS_BIN/afs-dedupe"
    [ "$(states | awk '$2 != "done"' | head -2)" = $'unique stale\nsplits stale' ]
    echo '{"input":2}' >>a.jsonl
    [ "$(states | awk '$2 != "done"' | head -2)" = $'raw/input stale\nsamples stale' ]
    echo '{"codex":2}' >>"$codex_log"
    [ "$(states | head -3)" = $'raw/codex stale\nraw/claude done\nraw/input stale' ]
    run --separate-stderr afs-pipeline-status --dir training_data/pipeline-home
    [ "$status" -eq 0 ]
    [[ $stderr == *'1 of 14 stages done; run afs-pipeline to go on' ]]
}

@test "it says the same from another folder" {
    mkdir sub
    afs-pipeline -q --home 'my home: x'
    cd sub
    run --separate-stderr afs-pipeline-status --dir ../training_data/pipeline-home
    [[ $stderr == *'13 of 13 stages done; nothing to do' ]]
}

@test "after a failure it names the stage and the exit status, and what is missing" {
    FAIL=score:3 run -3 afs-pipeline --home 'my home: x'
    run --separate-stderr afs-pipeline-status --dir training_data/pipeline-home
    [ "$status" -eq 0 ]
    [[ ${lines[4]} == 'scored        failed (3) '* ]]
    [[ ${lines[5]} == 'kept          missing' ]]
    [ "$(afs-pipeline-status -q --as json --dir training_data/pipeline-home | jq '.stages[3].exit')" = 3 ]
}

@test "it works while a run is going on, and does not disturb it" {
    HANG=score afs-pipeline -q --home 'my home: x' 2>/dev/null &
    local pipeline=$!
    until grep -qs hanging "$RAN"; do sleep 0.05; done
    run --separate-stderr afs-pipeline-status --dir training_data/pipeline-home
    [ "$status" -eq 0 ]
    [[ ${lines[3]} == 'samples       done '* ]]
    [[ ${lines[4]} == 'scored        running'* ]]
    [[ ${lines[5]} == 'kept          missing'* ]]
    [[ $stderr == *'3 of 13 stages done; a run is at work' ]]
    kill -9 "$(awk '/hanging/ { print $2 }' "$RAN")"
    wait "$pipeline" && status=0 || status=$?
    [ "$status" -eq 1 ]
    [ "$(states | sed -n 4p)" = 'scored failed' ]
}

@test "a folder that is not there, or is no pipeline's, is exit 2" {
    run --separate-stderr afs-pipeline-status
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ $stderr == 'afs-pipeline-status: training_data/pipeline: no such folder; '* ]]
    mkdir empty
    run --separate-stderr afs-pipeline-status --dir empty
    [ "$status" -eq 2 ]
    [ "$stderr" = 'afs-pipeline-status: empty: not made by afs-pipeline' ]
    mkdir empty/.stamp
    echo '{' >empty/.stamp/settings.json
    run --separate-stderr afs-pipeline-status --dir empty
    [ "$status" -eq 2 ]
    [[ $stderr == *'empty/.stamp/settings.json: is damaged; remove it and run the pipeline' ]]
}

@test "a form that it does not know is exit 2" {
    run --separate-stderr afs-pipeline-status --as xml
    [ "$status" -eq 2 ]
    [[ $stderr == *"invalid choice: 'xml'"* ]]
}
