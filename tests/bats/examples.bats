#!/usr/bin/env bats
# The examples and README's own lines run as they stand.

load helper

@test "one-pipe.sh turns the example logs into a fine-tuning file" {
    run --separate-stderr "$ROOT/examples/one-pipe.sh"
    [ "$status" -eq 0 ]
    [[ $output =~ ^train.jsonl:\ [1-9] ]]
    head -n 1 train.jsonl | grep -q '^{"messages":\[{"role":"user"'
}

@test "two-agents.sh splits both agents' samples and keeps what was removed" {
    run --separate-stderr "$ROOT/examples/two-agents.sh"
    [ "$status" -eq 0 ]
    [ -s two-agents/splits/train.jsonl ]
    [ -s two-agents/low.jsonl ]
    [ -s two-agents/repeated.jsonl ]
}

@test "an example takes a home and a file of its own" {
    mkdir -p empty
    run --separate-stderr "$ROOT/examples/one-pipe.sh" empty "a file.jsonl"
    [ "$status" -eq 0 ]
    [ "$output" = "a file.jsonl: 0 lines" ]
}

@test "the pipes of README run as they are pasted" {
    cp -R "$ROOT/examples" .
    awk '/^```sh$/ { block = 1; next } /^```$/ { block = 0 } block' "$ROOT/README.md" |
        grep -v -e '^make ' -e 'activate' >lines.sh
    [ "$(grep -c '^afs' lines.sh)" -ge 3 ]
    run --separate-stderr bash -eu lines.sh
    [ "$status" -eq 0 ]
    [ -s train.jsonl ]
    [ -s training_data/codex.jsonl ]
}

@test "no planted secret of the example home is in what the exporters write" {
    afs export codex --home "$ROOT/examples/home" -q >out.jsonl
    afs export claude --home "$ROOT/examples/home" -q >>out.jsonl
    afs export gemini --home "$ROOT/examples/home" -q >>out.jsonl
    # Each planted value stands in the logs, so that this test cannot pass by looking at nothing.
    checked=0
    while read -r value; do
        grep -rqF -- "$value" "$ROOT/examples/home"
        run ! grep -qF -- "$value" out.jsonl
        checked=$((checked + 1))
    done < <(bash "$ROOT/tests/bats/planted.sh")
    [ "$checked" -ge 5 ]
}
