#!/usr/bin/env bats

load pipeline

setup_file() {
    export AFS_TEST_TREE="$BATS_FILE_TMPDIR/tree"
    copy_tree "$AFS_TEST_TREE"
    make -C "$AFS_TEST_TREE" --no-print-directory pipeline >"$BATS_FILE_TMPDIR/table" 2>"$BATS_FILE_TMPDIR/said"
}

# What a fresh clone holds, with an environment that is there already.
copy_tree() {
    local root
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    mkdir -p "$1/.venv/bin"
    (cd "$root" && tar -cf - --exclude __pycache__ Makefile pyproject.toml constraints.txt bin lib scripts examples) |
        tar -xf - -C "$1"
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$(PATH="$root/.venv/bin:$PATH" command -v python3)" >"$1/.venv/bin/python3"
    chmod +x "$1/.venv/bin/python3"
    touch "$1/.venv/.base" "$1/.venv/.dev"
    unset MAKEFLAGS MAKELEVEL MFLAGS AFS_BIN AFS_VENV AFS_PYTHON
    export PYTHONDONTWRITEBYTECODE=1
}

setup() {
    helper_setup
    unset AFS_BIN MAKEFLAGS MAKELEVEL MFLAGS
}

# A tree in which the pipeline has run, to be changed at will.
use_tree() {
    cp -Rp "$AFS_TEST_TREE" tree
    cd tree || return 1
}

# The commands that a run called, as one line.
called() { sed -n 's/^\(afs-[a-z-]*\): .*/\1/p' "$1" | grep -v -e afs-pipeline | uniq | tr '\n' ' '; }

exporters='afs-export-codex afs-export-claude afs-export-gemini afs-export-antigravity'
all_after_raw='afs-validate afs-score afs-filter afs-dedupe afs-split afs-convert '

@test "make alone prints every target, each with what it does" {
    use_tree
    run --separate-stderr make
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    local target
    for target in $(sed -n 's/^\.PHONY: \(help .*\)/\1/p' Makefile) pipeline; do
        grep -Eq "^  $target +[^ ]" <<<"$output" || { echo "$target has no text" >&2; return 1; }
    done
}

@test "make pipeline makes training files of the examples and prints a table" {
    run cat "$BATS_FILE_TMPDIR/table"
    [[ ${lines[0]} == 'stage '*' state '*' read '*' dropped' ]]
    [ "$(grep -c ' done ' <<<"$output")" -eq 15 ]
    local part
    for part in train val test; do
        [ -s "$AFS_TEST_TREE/training_data/pipeline/openai/$part.jsonl" ]
        [ -s "$AFS_TEST_TREE/training_data/pipeline/alpaca/$part.jsonl" ]
    done
    jq -e '.samples.train > .samples.test' "$AFS_TEST_TREE/training_data/pipeline/summary.json"
    [ "$(jq -r .home "$AFS_TEST_TREE/training_data/pipeline/manifest.json")" = examples/home ]
}

@test "every stage has something to do on the examples" {
    cd "$AFS_TEST_TREE/training_data/pipeline"
    jq -e '.stages | ."raw/codex".dropped != {} and ."raw/claude".dropped != {}' summary.json
    jq -e '.stages | .kept.dropped != {} and .unique.dropped != {}' summary.json
}

@test "no path of this machine stands in a file of data, in summary.json or manifest.json" {
    cd "$AFS_TEST_TREE/training_data/pipeline"
    run ! grep -rlF -e "$AFS_TEST_TREE" -e "$ROOT/" --include='*.jsonl' --include=summary.json --include=manifest.json .
}

@test "two clones give the same bytes" {
    copy_tree "$PWD/second clone"
    make -C 'second clone' -j2 pipeline
    local name one="$AFS_TEST_TREE/training_data/pipeline" two='second clone/training_data/pipeline'
    diff <(cd "$one" && find . -type f | sort) <(cd "$two" && find . -type f | sort)
    (cd "$one" && find . -type f ! -path './.stamp/lock') | while read -r name; do
        case $name in
            ./summary.json | *.jsonl) cmp "$one/$name" "$two/$name" ;;
            *.summary.json | ./manifest.json) diff <(jq 'del(.run)' "$one/$name") <(jq 'del(.run)' "$two/$name") ;;
        esac
    done
}

@test "a second run does nothing and says so" {
    use_tree
    run --separate-stderr make pipeline
    [ "$status" -eq 0 ]
    [[ $stderr == 'afs-pipeline: training_data/pipeline is up to date; nothing to do: '* ]]
    [ -z "$output" ]
    diff -r training_data "$AFS_TEST_TREE/training_data"
}

@test "a changed byte of a command re-runs its stage and what follows" {
    use_tree
    echo '#' >>bin/afs-filter
    make pipeline 2>said
    [ "$(called said)" = "${all_after_raw#*afs-score }" ]
}

@test "a changed byte of the core re-runs everything" {
    use_tree
    echo '#' >>lib/afs/jsonl.py
    make pipeline 2>said
    [ "$(called said)" = "$exporters $all_after_raw" ]
}

@test "a changed rule of redaction re-runs the exporters and what follows" {
    use_tree
    echo '#' >>lib/afs/redact/rules.toml
    make pipeline 2>said
    [ "$(called said)" = "$exporters $all_after_raw" ]
}

@test "a changed variable, an added log and a removed source do what a person expects" {
    use_tree
    make pipeline SEED=7 2>said
    [ "$(called said)" = 'afs-split afs-convert ' ]
    make pipeline MIN_SCORE= SEED=7 2>said
    [ "$(called said)" = 'afs-filter afs-dedupe afs-split afs-convert ' ]
    jq -e '.stages.kept.dropped["min-score"] == null' training_data/pipeline/summary.json
    local log
    log=$(find examples/home/.claude/projects -maxdepth 2 -name '*.jsonl' | sort | head -1)
    sed 's/\(.*\)/\1/' "$log" >"${log%/*}/00000000-0000-4000-8000-000000000009.jsonl"
    make pipeline MIN_SCORE= SEED=7 2>said
    [ "$(called said)" = "afs-export-claude $all_after_raw" ]
    make pipeline MIN_SCORE= SEED=7 SOURCES=claude 2>said
    [ "$(called said)" = "$all_after_raw" ]
    [ "$(jq -r .source training_data/pipeline/samples.jsonl | sort -u)" = claude ]
    make pipeline MIN_SCORE= SEED=7 FORMAT=sharegpt SOURCES=claude 2>said
    [ "$(called said)" = 'afs-convert ' ]
    [ -s training_data/pipeline/sharegpt/train.jsonl ]
}

@test "KNOWN and RULES redact what they name, and a change in their files runs the exporters anew" {
    use_tree
    printf 'forecast\n' >mine.txt
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["tide"]\nre = "(?P<s>tide)"\n' >mine.toml
    grep -qw forecast training_data/pipeline/samples.jsonl
    make pipeline AGENT_HOME=examples/home INPUT=examples/samples.jsonl KNOWN='mine.txt auto' RULES=mine.toml OUT=training_data/out 2>said
    ! grep -qw -e forecast -e tide training_data/out/samples.jsonl || return 1
    grep -q REDACTED_KNOWN_1 training_data/out/raw/codex.jsonl
    grep -q REDACTED_WORD_1 training_data/out/raw/claude.jsonl
    printf 'forecast\ntable\n' >mine.txt
    make pipeline AGENT_HOME=examples/home INPUT=examples/samples.jsonl KNOWN='mine.txt auto' RULES=mine.toml OUT=training_data/out 2>said
    [[ "$(called said)" == "$exporters afs-redact afs-validate "* ]]
    run --separate-stderr make pipeline KNOWN=nowhere.txt
    [ "$status" -eq 2 ]
    [[ $stderr == *'KNOWN: nowhere.txt: no such file'* ]]
    run --separate-stderr make pipeline RULES='mine.toml mine.toml'
    [[ $stderr == *'RULES: name one file'* ]]
}

@test "a home and inputs with spaces and colons" {
    use_tree
    cp -R examples/home 'my: home'
    cp examples/samples.jsonl "it's: mine.jsonl"
    make pipeline AGENT_HOME='my: home' INPUT="it's: mine.jsonl" MAX_REJECT=1 2>said
    [ "$(called said)" = "$exporters afs-redact $all_after_raw" ]
    [ -s training_data/pipeline-home/openai/train.jsonl ]
    [ "$(jq -r '.inputs[0]' training_data/pipeline-home/manifest.json)" = "it's: mine.jsonl" ]
    run --separate-stderr make pipeline AGENT_HOME=examples/home OUT=training_data/pipeline-home
    [ "$status" -eq 2 ]
    [[ $stderr == *'was made from the logs of my: home, not of examples/home'* ]]
}

@test "make -j hands its jobs on, without a warning and with the same bytes" {
    use_tree
    make -j4 pipeline OUT=other 2>said
    run ! grep -i warning said
    local part
    for part in train val test; do
        cmp "training_data/pipeline/openai/$part.jsonl" "other/openai/$part.jsonl"
    done
}

@test "make -B makes everything again" {
    use_tree
    make -B pipeline AFS_VENV="$ROOT/.venv" -o "$ROOT/.venv/.base" 2>said
    [ "$(called said)" = "$exporters $all_after_raw" ]
}

@test "make -n pipeline reads like documentation and writes nothing" {
    copy_tree "$PWD/clone"
    cd clone
    run --separate-stderr make -n pipeline
    [ "$status" -eq 0 ]
    [ ! -e training_data ]
    [ "${lines[0]}" = 'scripts/afs pipeline run' ]
    [ "${lines[1]}" = '# in training_data/pipeline:' ]
    [ "$(grep -c '^# [a-z/]*: [a-z]' <<<"$output")" -eq 15 ]
    [ "$(grep -c '^set -euo pipefail; ' <<<"$output")" -eq 15 ]
    [[ $output == *"afs-export-codex --home '../../examples/home' --summary raw/codex.summary.json "* ]]
    make pipeline MIN_SCORE=0.1
    run --separate-stderr make -n pipeline
    [ "$(grep '^# [a-z/]*: ' <<<"$output" | head -1)" = '# kept: drop samples without an answer, and those rated below MIN_SCORE' ]
    run --separate-stderr make -n pipeline MIN_SCORE=0.1
    [ "$output" = $'scripts/afs pipeline run\n# in training_data/pipeline: nothing to do' ]
}

@test "a missing environment is made first, with the base alone" {
    use_tree
    rm .venv/.base
    printf '#!/bin/sh\necho "venv ${AFS_VENV_EXTRAS:-base}" >>made\n' >scripts/afs-venv
    make pipeline
    [ "$(cat made)" = 'venv base' ]
    make pipeline
    [ "$(cat made)" = 'venv base' ]
}

@test "a stage that fails ends make, which names it" {
    use_tree
    echo 'not json' >bad.jsonl
    run --separate-stderr make pipeline INPUT=bad.jsonl OUT=out
    [ "$status" -eq 2 ]
    [[ $stderr == *'more than --max-reject 0.05'* ]]
    [[ $stderr == *'afs-pipeline: out: stage raw/input failed with exit 3; run again'* ]]
    run ! afs pipeline run --input bad.jsonl --output out
    [ "$status" -eq 3 ]
}

@test "make clean leaves data and the environment alone" {
    use_tree
    mkdir -p build .ruff_cache lib/afs/__pycache__
    make clean
    [ ! -e build ] && [ ! -e .ruff_cache ] && [ ! -e lib/afs/__pycache__ ]
    diff -r training_data "$AFS_TEST_TREE/training_data"
    [ -x .venv/bin/python3 ]
}

@test "make clean-data removes the folder that is named, and nothing otherwise" {
    use_tree
    run --separate-stderr make clean-data
    [ "$status" -eq 2 ]
    [[ $output == *training_data* ]]
    [[ $stderr == *'nothing removed; name a folder'* ]]
    for name in examples % / ./training_data; do run -2 make clean-data CONFIRM=$name; done
    run -0 make -n clean-data CONFIRM='training_data / examples'
    [ "$output" = 'rm -rf training_data' ]
    [ -d examples ] && [ -d training_data ]
    make clean-data CONFIRM=training_data
    [ ! -e training_data ]
}

@test "a log that grows is read again, the others are copied, and the bytes are those of a fresh run" {
    cp -R "$ROOT/examples/home" logs
    afs pipeline run -q --home logs --output one
    log=$(find logs/.codex -name '*3f0c1a52*')
    printf '%s\n' '{"type":"message","role":"user","content":[{"type":"input_text","text":"And now in French?"}]}' \
        '{"type":"message","role":"assistant","content":[{"type":"output_text","text":"En anglais seulement."}]}' >>"$log"
    afs pipeline run -q --home logs --output one
    grep -q '"unchanged":[1-9]' one/raw/codex.summary.json
    grep -q 'And now in French?' one/raw/codex.jsonl
    afs pipeline run -q --home logs --output two
    for file in $(cd two && find . -name '*.jsonl'); do
        cmp "one/$file" "two/$file"
    done
}

@test "a damaged log and one that is a folder of loops stop nothing, and are named" {
    mkdir -p logs/.codex/sessions
    cp "$ROOT"/examples/home/.codex/sessions/2025/08/14/*.jsonl logs/.codex/sessions
    head -c 300 /dev/urandom | tr -d '\n' >logs/.codex/sessions/rollout-2025-08-15T09-12-44-3f0c1a52-7b1e-4c9d-9a10-0000000000a9.jsonl
    printf '{no json}\n{"also": none}\n' >>logs/.codex/sessions/rollout-2025-08-15T09-12-44-3f0c1a52-7b1e-4c9d-9a10-0000000000a9.jsonl
    ln -s . logs/.codex/sessions/loop
    afs pipeline run -q --home logs --sources codex --output out
    [ "$(wc -l <out/samples.jsonl)" -ge 3 ]
    [ "$(wc -l <out/raw/codex.rejects.jsonl)" -ge 2 ]
}

@test "BENCHMARKS, BALANCE and AUGMENT are stages of their own, and touch train alone" {
    afs pipeline run -q --home "$ROOT/examples/home" --output plain
    run --separate-stderr afs pipeline run --home "$ROOT/examples/home" --output full \
        --benchmarks "$ROOT/examples/benchmark.jsonl" --balance '--by source' --augment 2
    [ "$status" -eq 0 ]
    [ "$(grep -cE '^(clean|train/balanced|train/augmented) +done ' <<<"$output")" -eq 3 ]
    cmp plain/splits/train.jsonl full/splits/train.jsonl
    for part in val test; do
        cmp "plain/openai/$part.jsonl" "full/openai/$part.jsonl"
    done
    ! cmp -s plain/openai/train.jsonl full/openai/train.jsonl || return 1
    [ "$(wc -l <full/train/augmented.jsonl)" -gt "$(wc -l <full/train/balanced.jsonl)" ]
    [ "$(wc -l <full/openai/train.jsonl)" -eq "$(wc -l <full/train/augmented.jsonl)" ]
    run --separate-stderr afs pipeline run --home "$ROOT/examples/home" --output full \
        --benchmarks "$ROOT/examples/benchmark.jsonl" --balance '--by source' --augment 2
    [[ "$stderr" == *"nothing to do"* ]]
    question=$(sed -n 's/.*"instruction":"\([^"\\]*\)".*/\1/p' plain/unique.jsonl | awk 'NF > 9' | head -n 1)
    printf '%s\n' "$question" >items.txt
    afs pipeline run -q --home "$ROOT/examples/home" --output full --benchmarks items.txt
    ! grep -qF "$question" full/splits/*.jsonl || return 1
    grep -qF "$question" full/unique.jsonl
    run --separate-stderr -2 afs pipeline run --home "$ROOT/examples/home" --output full --balance '--by x; true'
    [[ "$stderr" == *"BALANCE: "*"plain words"* ]]
    run --separate-stderr -2 afs pipeline run --home "$ROOT/examples/home" --output full --augment many
    [[ "$stderr" == *"AUGMENT: 'many' is not a whole number"* ]]
}
