load helper

# What all exporters have in common, on the examples of each.
exporters() {
    local path
    for path in "$ROOT"/bin/afs-export-*; do
        basename "$path"
    done
}

@test "--state remembers, and a second run writes nothing" {
    for export in $(exporters); do
        "$export" -q --home "$ROOT/examples/home" --state "$export.state" >>"$export.jsonl"
        "$export" -q --home "$ROOT/examples/home" >full.jsonl
        cmp "$export.jsonl" full.jsonl
        [ -s full.jsonl ]
        run --separate-stderr "$export" --home "$ROOT/examples/home" --state "$export.state"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
        [[ "$stderr" == *" 0 written, "*" unchanged"* ]]
    done
}

@test "--reuse copies what has not changed, and a state of other options is no hindrance then" {
    for export in $(exporters); do
        "$export" -q --home "$ROOT/examples/home" --state s --reuse all.jsonl -o all.jsonl --domain other
        "$export" -q --home "$ROOT/examples/home" --state s --reuse all.jsonl -o all.jsonl
        cp all.jsonl first.jsonl
        "$export" --home "$ROOT/examples/home" --state s --reuse all.jsonl -o all.jsonl --summary counts.json
        grep -q '"unchanged":[1-9]' counts.json
        cmp all.jsonl first.jsonl
        "$export" -q --home "$ROOT/examples/home" -o full.jsonl
        cmp all.jsonl full.jsonl
        rm s all.jsonl
    done
}

@test "a state of other options, and an output that would be replaced, are exit 2" {
    for export in $(exporters); do
        "$export" -q --home "$ROOT/examples/home" --state "$export.state" -o "$export.jsonl"
        run --separate-stderr -2 "$export" --home "$ROOT/examples/home" --state "$export.state" --no-tools
        [[ "$stderr" == *"was made with other options"* ]]
        run --separate-stderr -2 "$export" --home "$ROOT/examples/home" --state "$export.state" -o "$export.jsonl"
        [[ "$stderr" == *"holds what earlier runs wrote"* ]]
        run --separate-stderr -2 "$export" --home "$ROOT/examples/home" --reuse "$export.jsonl"
        [[ "$stderr" == *"--reuse needs --state"* ]]
    done
}

@test "--since and --until part the turns that have a time" {
    for export in $(exporters); do
        "$export" -q --home "$ROOT/examples/home" -o full.jsonl
        "$export" -q --home "$ROOT/examples/home" --until 2026-02-01 -o early.jsonl
        "$export" -q --home "$ROOT/examples/home" --since 2026-02-01 -o late.jsonl
        [ "$(cat early.jsonl late.jsonl | wc -l)" -eq "$(grep -vc '"timestamp":""' full.jsonl)" ]
        run --separate-stderr "$export" -q --home "$ROOT/examples/home" --since 2026-02-01 --until 2026-02-01
        [ -z "$output" ]
        run --separate-stderr -2 "$export" --since yesterday
        [[ "$stderr" == *"argument --since: invalid"* ]]
    done
}

@test "--list tells projects, conversations, turns, bytes and days, and exports nothing" {
    for export in $(exporters); do
        run --separate-stderr "$export" -q --home "$ROOT/examples/home" --list
        [ "$status" -eq 0 ]
        [[ "${lines[0]}" == project*conversations*turns*bytes*first*last ]]
        [ "${#lines[@]}" -ge 2 ]
        run --separate-stderr "$export" -q --home "$ROOT/examples/home" --list --as json
        [[ "${lines[0]}" == '{"project":'*'"conversations":'*'"turns":'*'"bytes":'*'"first":'*'"last":'* ]]
        [[ "$output" != *'"instruction"'* && "$output" != */home/dana* ]]
    done
}

@test "--subagents and --include-system change nothing where the logs have neither" {
    for export in $(exporters); do
        "$export" -q --home "$ROOT/examples/home" -o full.jsonl
        "$export" -q --home "$ROOT/examples/home" --subagents only -o only.jsonl
        "$export" -q --home "$ROOT/examples/home" --subagents include --include-system -o all.jsonl
        [ "$(cat full.jsonl only.jsonl | wc -l)" -eq "$(wc -l <all.jsonl)" ]
        ! grep -v '"subagent"' only.jsonl || return 1
    done
}

@test "--config excludes projects and conversations for good" {
    for export in afs-export-codex afs-export-claude; do
        "$export" -q --home "$ROOT/examples/home" -o full.jsonl
        printf '[exclude]\nprojects = ["*"]\n' >all.toml
        run --separate-stderr "$export" --home "$ROOT/examples/home" --config all.toml
        [ "$status" -eq 0 ]
        [ -z "$output" ]
        [[ "$stderr" != *"no "*" logs"* ]]
        group=$(sed -n 's/.*"group":"\([^"]*\)".*/\1/p' full.jsonl | head -n 1)
        printf '[exclude]\nconversations = ["%s"]\n' "$group" >one.toml
        "$export" -q --home "$ROOT/examples/home" --config one.toml -o kept.jsonl
        ! grep -q "$group" kept.jsonl || return 1
        [ "$(wc -l <kept.jsonl)" -lt "$(wc -l <full.jsonl)" ]
        mkdir -p "$HOME/.config/afs" && cp all.toml "$HOME/.config/afs/config.toml"
        run --separate-stderr "$export" --home "$ROOT/examples/home"
        [ -z "$output" ]
        rm "$HOME/.config/afs/config.toml"
        chmod o+w all.toml
        run --separate-stderr -2 "$export" --home "$ROOT/examples/home" --config all.toml
        [[ "$stderr" == *"others can write it"* ]]
        rm all.toml
    done
}

@test "--unit, --no-tools, --no-thinking, --max-tool-output-chars, --domain, --project and --exclude-project are everywhere" {
    for export in $(exporters); do
        "$export" -q --home "$ROOT/examples/home" -o full.jsonl
        "$export" -q --home "$ROOT/examples/home" --unit conversation --domain mine >whole.jsonl
        [ -s whole.jsonl ]
        ! grep -v '"domain":"mine"' whole.jsonl || return 1
        "$export" -q --home "$ROOT/examples/home" --no-tools --no-thinking --max-tool-output-chars 3 >plain.jsonl
        ! grep -q '"role":"tool"\|"thinking":"\|"reasoning_content":"' plain.jsonl || return 1
        run --separate-stderr "$export" -q --home "$ROOT/examples/home" --exclude-project '*'
        [ -z "$output" ] || [[ "$output" == *'"project":null'* ]]
        run --separate-stderr "$export" -q --home "$ROOT/examples/home" --project no-such-project
        [ -z "$output" ]
    done
}

@test "--account, --summary and the output agree, and nothing planted leaks" {
    for export in $(exporters); do
        "$export" -q --home "$ROOT/examples/home" --account turns.jsonl --summary counts.json -o out.jsonl
        [ "$(grep -c '"reason":null' turns.jsonl)" -eq "$(wc -l <out.jsonl)" ]
        grep -q "\"seen\":$(wc -l <turns.jsonl | tr -d ' '),\"samples\":$(wc -l <out.jsonl | tr -d ' ')," counts.json
        afs-validate -q --check out.jsonl
        run -1 grep -l /home/dana out.jsonl turns.jsonl counts.json
    done
}

@test "the dispatcher's spelling writes the file that it names" {
    cp -R "$ROOT/examples/home/." "$HOME"
    for export in $(exporters); do
        name=${export#afs-export-}
        afs training "$name-export" --output "training_data/$name.jsonl"
        [ -s "training_data/$name.jsonl" ]
    done
}

@test "--no-redact, --known and --rules mean the same in every exporter" {
    printf '[[rule]]\nid = "w"\ntype = "WORD"\nlevel = 2\nanchors = ["the"]\nre = "\\\\b(?P<s>the)\\\\b"\n' >rules.toml
    printf 'the\n' >known.txt
    for export in $(exporters); do
        "$export" -q --no-redact --home "$ROOT/examples/home" >raw.jsonl
        grep -qi '\bthe\b' raw.jsonl
        "$export" -q --home "$ROOT/examples/home" --rules rules.toml | grep -q REDACTED_WORD_1
        run --separate-stderr -2 "$export" --home "$ROOT/examples/home" --known known.txt --no-redact
        [[ "$stderr" == *"--no-redact leaves nothing to do"* ]]
    done
}
