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
    [ "${stderr_lines[2]}" = "afs-redact: in.jsonl:3: password in /text at 7, length 12" ]
    [ "${stderr_lines[3]}" = "afs-redact: 3 read, 0 written, 3 found (github-token 1, password 2)" ]
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
        "re = 'x(?P<s>.)'" 'keep = ["x{n}"]' >rules.toml
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
    [ "${stderr_lines[0]}" = "afs-redact: in.txt:2: private-key in the line at 0, length 248" ]
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
    printf '%s\n' '[[rule]]' 'id = "acme"' 'type = "ACME_KEY"' 'level = 1' 'starts = ["acme_"]' "then = '[0-9a-f]{16,}'" \
        'hit = [["acme_", "zzz"]]' >rules.toml
    run --separate-stderr afs-redact --rules rules.toml </dev/null
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-redact: rules.toml: rule acme: hit 1 is not found by it" ]
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

# --- conversations ----------------------------------------------------------------------------------

@test "what is found once is replaced in its whole conversation, before and after, in every form" {
    {
        printf '{"_metadata":{"group":"g"},"a":"first %s was said"}\n' "$(password)"
        printf '{"_metadata":{"group":"g"},"a":"DB_PASSWORD=%s"}\n' "$(password)"
        printf '{"_metadata":{"group":"g"},"a":"%s and %s"}\n' "$(printf 'x:%s' "$(password)" | base64)" \
            "$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$(password)")"
        printf '{"_metadata":{"group":"h"},"a":"nothing"}\n'
    } >in.jsonl
    run --separate-stderr afs-redact in.jsonl
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = '{"_metadata":{"group":"g","redactions":["PASSWORD:1"]},"a":"first REDACTED_PASSWORD_1 was said"}' ]
    [ "${lines[1]}" = '{"_metadata":{"group":"g","redactions":["PASSWORD:1"]},"a":"DB_PASSWORD=REDACTED_PASSWORD_1"}' ]
    [ "${lines[2]}" = '{"_metadata":{"group":"g","redactions":["PASSWORD:2"]},"a":"REDACTED_PASSWORD_1 and REDACTED_PASSWORD_2"}' ]
    [ "${lines[3]}" = '{"_metadata":{"group":"h"},"a":"nothing"}' ]
    [ "${#lines[@]}" -eq 4 ]
    nothing_leaks
}

@test "records of another conversation are left alone, and so are those without one" {
    {
        printf '{"_metadata":{"group":"g"},"a":"plum-Q7uark-lamp"}\n'
        printf '{"_metadata":{"group":"h"},"a":"DB_PASSWORD=plum-Q7uark-lamp"}\n'
        printf '{"a":"plum-Q7uark-lamp"}\n{"a":"plum-Q7uark-lamp","_metadata":{"group":null}}\n'
    } >in.jsonl
    afs-redact -q in.jsonl >out.jsonl
    [ "$(grep -c plum-Q7uark-lamp out.jsonl)" -eq 3 ]
}

@test "a conversation larger than --memory is made clean in parts, and that is said" {
    for n in 1 2 3 4 5 6; do
        printf '{"_metadata":{"group":"g"},"n":%s,"a":"plum-Q7uark-lamp %0900d"}\n' "$n" 0
    done >in.jsonl
    sed -i '4s/plum/DB_PASSWORD=plum/' in.jsonl
    run --separate-stderr afs-redact --memory 2k in.jsonl
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 6 ]
    [ "$(grep -c plum <<<"$output")" -eq 2 ]
    [[ "${stderr_lines[0]}" == "afs-redact: in.jsonl:1: a conversation is larger than --memory; what is found further on"* ]]
    [[ "$stderr" == *"2 conversations over --memory"* ]]
    run --separate-stderr afs-redact in.jsonl
    [ "$(grep -c plum <<<"$output")" -eq 0 ]
}

@test "a secret in pieces is found, over the records of a stream and the items of a list" {
    {
        for piece in 'key ghp_5a9QQB' BL0dcQR6F2WR VEeWksCd3RF 'HP9CKCH end'; do
            printf '{"choices":[{"delta":{"content":"%s"}}]}\n' "$piece"
        done
        printf '{"parts":["see ghp_","5a9QQBBL0dcQR6F2WR","VEeWksCd3RFHP9CKCH"]}\n'
    } >in.jsonl
    run --separate-stderr afs-redact in.jsonl
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = '{"choices":[{"delta":{"content":"key REDACTED_GITHUB_TOKEN_1"}}]}' ]
    [ "${lines[1]}" = '{"choices":[{"delta":{"content":""}}]}' ]
    [ "${lines[3]}" = '{"choices":[{"delta":{"content":" end"}}]}' ]
    [ "${lines[4]}" = '{"parts":["see REDACTED_GITHUB_TOKEN_1","",""]}' ]
    nothing_leaks
}

@test "a user's name that a home path tells is replaced where names stand, and nowhere else" {
    {
        printf '{"_metadata":{"group":"g"},"a":"ls -l\\ndrwxr-xr-x 2 amber staff 4096 Jan  1 10:00 src\\n amber light"}\n'
        printf '{"_metadata":{"group":"g"},"a":"cd /home/amber/src; ssh amber@build-7"}\n'
    } >in.jsonl
    run --separate-stderr afs-redact -q in.jsonl
    [ "${lines[0]}" = '{"_metadata":{"group":"g","redactions":["USER:1"]},"a":"ls -l\ndrwxr-xr-x 2 user1 staff 4096 Jan  1 10:00 src\n amber light"}' ]
    [ "${lines[1]}" = '{"_metadata":{"group":"g","redactions":["USER:2"]},"a":"cd /home/user1/src; ssh user1@build-7"}' ]
}

# --- what is known, what is told --------------------------------------------------------------------

@test "--known replaces the values of a file everywhere, and shows none of them" {
    printf 'Falcon-Heights\nUSER\tdelores\nACME_NAME\tblue ridge\n' >known.txt
    printf '{"a":"Falcon-Heights by delores, Blue blue ridge: %s"}\n' "$(printf %s Falcon-Heights | base64)" >in.jsonl
    run --separate-stderr afs-redact --known known.txt in.jsonl
    [ "$status" -eq 0 ]
    [ "$output" = '{"a":"REDACTED_KNOWN_1 by user1, Blue REDACTED_ACME_NAME_1: REDACTED_KNOWN_1"}' ]
    [ "$stderr" = "afs-redact: 1 read, 1 written, 4 redacted (ACME_NAME 1, KNOWN 2, USER 1)" ]
    afs-redact -q --without known-value --without known-user --known known.txt in.jsonl | cmp - in.jsonl
    printf 'Falcon-Heights\nXY\n' >known.txt
    run --separate-stderr afs-redact --known known.txt in.jsonl
    [ "$status" -eq 2 ]
    [[ "$stderr" == "afs-redact: known.txt:2: "* ]]
    [[ "$output$stderr" != *Falcon* ]]
    run --separate-stderr afs-redact --known nowhere.txt in.jsonl
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-redact: nowhere.txt: no such file or directory" ]
}

@test "--known auto knows the secrets of the environment and the user, and nothing is known without it" {
    printf '{"a":"it is plum-Q7uark-lamp, said marguerite77 of /srv"}\n' >in.jsonl
    export ACME_API_TOKEN=plum-Q7uark-lamp USER=marguerite77
    [ "$(afs-redact -q in.jsonl)" = "$(cat in.jsonl)" ]
    [ "$(afs-redact -q --known auto in.jsonl)" = '{"a":"it is REDACTED_TOKEN_1, said user1 of /srv"}' ]
}

@test "--findings tells place, type, rule, count and a tag that names equal values, and no value" {
    write_records in.jsonl
    printf '{"%s":["%s"]}\n' "$(token)" "$(token)" >>in.jsonl
    afs-redact -q --findings found.jsonl in.jsonl >out.jsonl
    run --separate-stderr python3 -c '
import json
for line in open("found.jsonl"):
    print(json.dumps(list(json.loads(line).values())[:-1], separators=(",", ":")))'
    [ "${lines[0]}" = '["in.jsonl",2,"/a","GITHUB_TOKEN","github-token",1,40]' ]
    [ "${lines[1]}" = '["in.jsonl",3,"/env/DB_PASSWORD","PASSWORD","password",1,12]' ]
    [ "${lines[2]}" = '["in.jsonl",3,"/text","PASSWORD","password",1,12]' ]
    [ "${lines[4]}" = '["in.jsonl",4,"/REDACTED_GITHUB_TOKEN_1/0","GITHUB_TOKEN","github-token",1,40]' ]
    tags found.jsonl >one
    [ "$(sort -u one | wc -l)" -eq 2 ]
    [ "$(stat -c %a found.jsonl)" = 600 ]
    nothing_leaks
    afs-redact -q --check --findings found.jsonl in.jsonl || [ $? -eq 3 ]
    tags found.jsonl >two
    [ "$(wc -l <two)" -eq 5 ]
    ! cmp -s one two # a key for each run: nobody can look values up
}

@test "--check --root searches every file under a folder, of any kind, and changes none" {
    mkdir -p home/.codex/deep
    write_records home/.codex/deep/a.jsonl
    printf '{\n  "api_token": "%s"\n}\n' "$(token)" >home/.codex/b.json
    { printf '\177ELF\0\0'; printf 'x\nkey=%s\n' "$(token)"; } >home/.codex/c.bin
    printf 'nothing here\n' >home/d.md
    ln -s /etc/hostname home/outside
    find home -type f -exec cksum {} + | sort >before
    run --separate-stderr afs-redact --check --root home
    [ "$status" -eq 3 ]
    [ "$output" = "" ]
    [[ "$stderr" == *"home/.codex/deep/a.jsonl:2: github-token in /a at 4, length 40"* ]]
    [[ "$stderr" == *"home/.codex/b.json:1: github-token in /api_token at 0, length 40"* ]]
    [[ "$stderr" == *"home/.codex/c.bin:2: github-token in the line at 4, length 40"* ]]
    [[ "$stderr" == *"4 files"* ]]
    find home -type f -exec cksum {} + | sort | cmp - before
    nothing_leaks_in "$stderr"
    run --separate-stderr afs-redact --root home
    [ "$status" -eq 2 ]
    run --separate-stderr afs-redact --check --root nowhere
    [ "$status" -eq 2 ]
    [ "$stderr" = "afs-redact: nowhere: no such folder" ]
}

tags() { sed 's/.*"tag":"\([0-9a-f]*\)"}/\1/' "$1"; }

nothing_leaks_in() {
    for part in 5a9QQBBL0dcQR6F2WR VEeWksCd3RFHP9CKCH '4dor&3x' Tr0ub4; do
        [[ "$1" != *"$part"* ]] || return 1
    done
}
