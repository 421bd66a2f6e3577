#!/usr/bin/env bats
# The shell contract of afs-redact.

load helper

# Secrets are put together here, so that no file holds one.
token() { printf 'ghp_%s%s' 5a9QQBBL0dcQR6F2WR VEeWksCd3RFHP9CKCH; }
password() { printf 'Tr0ub%s' '4dor&3x'; }

write_records() {
    printf '%s\n' \
        '{ "a": "nothing here", "n": 1.50 }' \
        '{"a":"see '"$(token)"'","_metadata":{"group":"g","redactions":null}}' \
        '{"env":{"DB_PASSWORD":"'"$(password)"'"},"text":"it was '"$(password)"' then"}' >"$1"
}

# No stream or file in this folder but the input holds a secret or half of one.
nothing_leaks() {
    for part in 5a9QQBBL0dcQR6F2WR VEeWksCd3RFHP9CKCH '4dor&3x' Tr0ub4; do
        [[ "$output$stderr" != *"$part"* ]] || return 1
        ! grep -rlF --exclude=in.jsonl --exclude=in.txt -- "$part" . || return 1
    done
}

@test "secrets become placeholders, and a clean record keeps its bytes" {
    write_records in.jsonl
    run --separate-stderr afs-redact in.jsonl
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = '{ "a": "nothing here", "n": 1.50 }' ]
    [ "${lines[1]}" = '{"a":"see REDACTED_GITHUB_TOKEN_1","_metadata":{"group":"g","redactions":["GITHUB_TOKEN:1"]}}' ]
    [ "${lines[2]}" = '{"env":{"DB_PASSWORD":"REDACTED_PASSWORD_1"},"text":"it was REDACTED_PASSWORD_1 then"}' ]
    [ "$stderr" = "afs-redact: 3 read, 3 written, 3 redacted (GITHUB_TOKEN 1, PASSWORD 2)" ]
    nothing_leaks
}

@test "redacting twice is redacting once" {
    write_records in.jsonl
    afs-redact -q -i in.jsonl -o once.jsonl
    afs-redact -q once.jsonl | cmp - once.jsonl
}

@test "the summary counts by type" {
    write_records in.jsonl
    afs-redact -q in.jsonl --summary s.json >/dev/null
    [ "$(python3 -c 'import json; print(json.load(open("s.json"))["redacted"])')" = "{'GITHUB_TOKEN': 1, 'PASSWORD': 2}" ]
    run cat s.json
    nothing_leaks
}

@test "--check names rule, pointer, offset and length, writes nothing and exits 3" {
    write_records in.jsonl
    run --separate-stderr afs-redact --check in.jsonl
    [ "$status" -eq 3 ]
    [ "$output" = "" ]
    [ "${stderr_lines[0]}" = "afs-redact: in.jsonl:2: github-token in /a at 4, length 40" ]
    [ "${stderr_lines[1]}" = "afs-redact: in.jsonl:3: password in /env/DB_PASSWORD at 0, length 12" ]
    [ "${stderr_lines[2]}" = "afs-redact: 3 read, 0 written, 2 found (github-token 1, password 1)" ]
    nothing_leaks
    afs-redact -q in.jsonl -o clean.jsonl
    run --separate-stderr afs-redact --check clean.jsonl
    [ "$status" -eq 0 ]
}

@test "--check refuses -o" {
    write_records in.jsonl
    run --separate-stderr afs-redact --check in.jsonl -o out.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-redact: --check writes nothing; leave -o out" ]
    [ ! -e out.jsonl ]
}

@test "a line nested too deeply is a reject, with --check too" {
    python3 -c 'for n in range(900, 1100, 5): print("{\"a\": " + "[" * n + "]" * n + "}")' >in.jsonl
    for check in "" --check; do
        run --separate-stderr afs-redact $check --rejects bad.jsonl in.jsonl
        [ "$status" -eq 0 ]
        [[ "$stderr" != *Traceback* ]]
        [ "$(grep -cE '"reason":"(unclean|depth)"' bad.jsonl)" -gt 15 ]
    done
}

@test "metadata of any shape stops nothing and shows nothing" {
    printf '{"a":"%s","_metadata":{"redactions":%s}}\n' "$(token)" 5 "$(token)" '["A:²","names removed by hand",7]' >in.jsonl
    run --separate-stderr afs-redact -q in.jsonl
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = '{"a":"REDACTED_GITHUB_TOKEN_1","_metadata":{"redactions":["GITHUB_TOKEN:1"]}}' ]
    [ "${lines[1]}" = '{"a":"REDACTED_GITHUB_TOKEN_1","_metadata":{"redactions":["GITHUB_TOKEN:1","A:²","names removed by hand",7]}}' ]
    [ "$stderr" = "" ]
}

@test "--check sees a secret under a key that comes twice, and a line with one is written anew" {
    printf '{"a":"%s","a":"harmless"}\n' "$(token)" >in.jsonl
    run --separate-stderr afs-redact --check in.jsonl
    [ "$status" -eq 3 ]
    run --separate-stderr afs-redact -q in.jsonl
    [ "$status" -eq 0 ]
    [ "$output" = '{"a":"harmless"}' ]
    nothing_leaks
}

@test "a line that does not parse is never passed on, nor a part of it" {
    printf '{"a":"%s"\n{"a":1}\n["%s"]\n' "$(token)" "$(token)" >in.jsonl
    run --separate-stderr afs-redact in.jsonl
    [ "$status" -eq 1 ]
    [ "$output" = '{"a":1}' ]
    [[ "${stderr_lines[0]}" == "afs-redact: in.jsonl:1: not JSON"* ]]
    [[ "${stderr_lines[1]}" == "afs-redact: in.jsonl:3: not a JSON object"* ]]
    nothing_leaks
    run --separate-stderr afs-redact --rejects bad.jsonl in.jsonl
    [ "$status" -eq 0 ]
    [ "$(wc -l <bad.jsonl)" -eq 2 ]
    nothing_leaks
    run --separate-stderr afs-redact --strict in.jsonl -o out.jsonl
    [ "$status" -eq 1 ]
    [ ! -e out.jsonl ]
    nothing_leaks
    run --separate-stderr afs-redact --rejects bad.jsonl --max-reject 0.5 in.jsonl
    [ "$status" -eq 3 ]
}

@test "what cannot be made clean is not written: exit 3, or a reject" {
    # A rule that finds its own placeholder again can never be satisfied.
    printf '%s\n' '[[rule]]' 'id = "endless"' 'type = "ENDLESS"' 'level = 2' 'anchors = ["x"]' \
        "re = 'x(?P<s>.)'" 'keep = "x{n}"' >rules.toml
    printf '%s\n' '{"a":"xy"}' '{"a":"b"}' >in.jsonl
    run --separate-stderr afs-redact --rules rules.toml in.jsonl
    [ "$status" -eq 3 ]
    [ "$output" = '{"a":"b"}' ]
    [[ "${stderr_lines[0]}" == "afs-redact: in.jsonl:1: could not be made clean of endless;"* ]]
    run --separate-stderr afs-redact --rules rules.toml --rejects bad.jsonl in.jsonl
    [ "$status" -eq 0 ]
    grep -q '"reason":"unclean"' bad.jsonl
    printf 'xy\n' >in.txt
    run --separate-stderr afs-redact --rules rules.toml --text in.txt
    [ "$status" -eq 3 ]
    [ "$output" = "" ]
    [[ "${stderr_lines[0]}" == "afs-redact: in.txt:1: could not be made clean of endless;"* ]]
}

@test "--text reads plain text, also over several lines, and keeps other bytes" {
    {
        printf 'first \377\n-----BEGIN PRIVATE %s-----\n' KEY
        for _ in 1 2 3; do printf 'MIIE5a9QQBBL0dcQR6F2WRVEeWksCd3RFHP9CKCHwJalrXUtnFEMIK7MDENGbPxR\n'; done
        printf -- '-----END PRIVATE %s-----\nlast\r\n' KEY
    } >in.txt
    afs-redact -q --text in.txt >out.txt
    printf 'first \377\nREDACTED_PRIVATE_KEY_1\nlast\r\n' | cmp - out.txt
    run --separate-stderr afs-redact --text --check in.txt
    [ "$status" -eq 3 ]
    [ "${stderr_lines[0]}" = "afs-redact: in.txt:2: private-key in the text at 8, length 248" ]
    printf 'nothing\n\nhere\n' >in.txt
    afs-redact -q --text in.txt | cmp - in.txt
    printf 'a=%s\n' "$(token)" >one.txt
    printf 'b=%s\n' "$(token)" >two.txt
    [ "$(afs-redact -q --text one.txt two.txt)" = $'a=REDACTED_GITHUB_TOKEN_1\nb=REDACTED_GITHUB_TOKEN_1' ]
}

@test "--list-rules and --show-rule tell the rules" {
    run --separate-stderr afs-redact --list-rules
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -gt 250 ]
    [[ "$output" == *$'github-token\tGITHUB_TOKEN\tprefix'* ]]
    run --separate-stderr afs-redact --show-rule GITHUB_TOKEN
    [[ "$output" == *$'github-token\tGITHUB_TOKEN\tprefix\n  starts = ghp_ gho_'* ]]
    [[ "$output" == *$'github-fine-grained\tGITHUB_TOKEN'* ]]
    run --separate-stderr afs-redact --show-rule email
    [ "${lines[0]}" = $'email\tEMAIL\tpersonal' ]
    run --separate-stderr afs-redact --show-rule NONSENSE
    [ "$status" -eq 2 ]
    [[ "$stderr" == *"--list-rules names them"* ]]
}

@test "--without leaves rules out" {
    printf '{"a":"bob%s and %s"}\n' '@corp-mail.com' "$(token)" >in.jsonl
    [ "$(afs-redact -q --without email --without github-token in.jsonl)" = "$(cat in.jsonl)" ]
    [ "$(afs-redact -q in.jsonl)" = '{"a":"user1@example.com and REDACTED_GITHUB_TOKEN_1"}' ]
    run --separate-stderr afs-redact --without nonsense in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == "afs-redact: no rule is called nonsense;"* ]]
}

@test "--rules adds rules, and says what is wrong with them" {
    printf '%s\n' '[[rule]]' 'id = "acme"' 'type = "ACME_KEY"' 'level = 1' 'starts = ["acme_"]' "then = '[0-9a-f]{16,}'" >rules.toml
    [ "$(printf '{"a":"acme_%s"}\n' 0123456789abcdef | afs-redact -q --rules rules.toml)" = '{"a":"REDACTED_ACME_KEY_1"}' ]
    printf '[[rule]]\nid = "acme"\n' >rules.toml
    run --separate-stderr afs-redact --rules rules.toml in.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-redact: rules.toml: rule acme: type must be upper-case letters, digits and underscores" ]
    run --separate-stderr afs-redact --rules nowhere.toml </dev/null
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-redact: nowhere.toml: no such file or directory" ]
}

@test "empty input gives empty output" {
    run --separate-stderr afs-redact </dev/null
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
    [ "$stderr" = "afs-redact: 0 read, 0 written" ]
    run --separate-stderr afs-redact --text </dev/null
    [ "$status" -eq 0 ]
    [ "$output" = "" ]
}
