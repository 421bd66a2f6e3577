#!/usr/bin/env bats
# scripts/afs, mostly on a small tree of stand-in commands, then on the commands of this checkout.

load helper

# A checkout at $1 with stand-in commands that print their name and their arguments.
make_tree() {
    mkdir -p "$1/scripts" "$1/bin" "$1/lib/afs" "$1/docs/man"
    cp "$ROOT/scripts/afs" "$1/scripts/afs"
    touch "$1/lib/afs/cli.py"
    printf '"""Stand-in."""\n\n__version__ = "7.8.9"\n' >"$1/lib/afs/__init__.py"
    stand_in "$1" afs-export-codex 'write samples from logs' 'training codex-export'
    stand_in "$1" afs-export 'write everything | at once'
    stand_in "$1" afs-distill 'ask a teacher' 'distill generate'
    stand_in "$1" afs-distill-status 'show how far it has come'
    stand_in "$1" afs-import-codex-history 'read a history'
    stand_in "$1" afs-split 'part samples by group' 'training prepare, cut up,divide'
    stand_in "$1" afs-score 'rate samples'
}

stand_in() { # TREE NAME SUMMARY [OLD SPELLINGS]
    {
        printf '#!/usr/bin/env python3\n"""%s - %s\n\nMore.\n"""\n' "$2" "$3"
        [ -z "${4-}" ] || printf '# Also: %s\n' "$4"
        printf 'import sys\nprint("%s", *[ascii(word) for word in sys.argv[1:]])\n' "$2"
        printf 'if "--python" in sys.argv: print(sys.executable)\n'
    } >"$1/bin/$2"
    chmod +x "$1/bin/$2"
}

# Output of the tree's dispatcher must be exactly $1.
gives() {
    local expected=$1
    shift
    run --separate-stderr tree/scripts/afs "$@"
    [ "$status" -eq 0 ] || { echo "$* exits with $status: $stderr" && return 1; }
    [ "$output" = "$expected" ] || { echo "$* gives $output" && return 1; }
}

@test "afs-a-b is afs a b, and the longest name wins" {
    make_tree tree
    gives "afs-score" score
    gives "afs-export-codex '--limit' '5'" export codex --limit 5
    gives "afs-export-codex" export-codex
    gives "afs-import-codex-history 'x'" import codex history x
    gives "afs-distill-status" distill status
    gives "afs-export 'claude'" export claude
    gives "afs-export '-x' 'codex'" export -x codex
    gives "afs-export" export
}

@test "declared old spellings work, wherever they stand in the list" {
    make_tree tree
    gives "afs-export-codex '-q'" training codex-export -q
    gives "afs-split" training prepare
    gives "afs-split 'x'" cut up x
    gives "afs-split 'x'" divide x
}

@test "a declared spelling of two words comes before a command of one" {
    make_tree tree
    gives "afs-distill '--count' '3'" distill generate --count 3
    gives "afs-distill 'other'" distill other
    gives "afs-distill 'generate.txt'" distill generate.txt
}

@test "arguments arrive as they were" {
    make_tree tree
    gives "afs-score '' 'a b' '*' '\\n' '--' '-'" score '' 'a b' '*' $'\n' -- -
    gives "afs-score 'score' 'score'" score score score
}

@test "a name with a slash, a pattern or a capital letter is no command" {
    make_tree tree
    for name in ../bin/afs-score score/ /score 'sc*' '.*' Score 'a b' $'\n' -score; do
        expected=-127
        [ "$name" != -score ] || expected=-2
        run --separate-stderr "$expected" tree/scripts/afs "$name" x
        [ -z "$output" ]
        [[ $stderr == "afs: "* ]]
    done
    run --separate-stderr -127 tree/scripts/afs training 'cut up,divide'
    run --separate-stderr -127 tree/scripts/afs 'prepare,cut' up
}

@test "--help and nothing at all print every name with its summary, in groups" {
    make_tree tree
    run --separate-stderr -0 tree/scripts/afs --help
    [ -z "$stderr" ]
    help=$output
    for line in "export-codex +write samples from logs" "export +write everything \| at once" "score +rate samples"; do
        grep -qE "^  $line\$" <<<"$help"
    done
    # Commands that stand alone come first; those that share a word stand together after an empty line.
    order=$(grep -nE '^  (score|split|distill|distill-status|export|import-codex-history) ' <<<"$help" | sed 's/.*:  //; s/ .*//' | tr '\n' ' ')
    [ "$order" = "import-codex-history score split distill distill-status export " ]
    grep -B1 -E '^  distill ' <<<"$help" | head -n 1 | grep -qx ''
    for words in "" help -h; do
        # shellcheck disable=SC2086
        [ "$(tree/scripts/afs $words)" = "$help" ]
    done
}

@test "--list prints bare names, sorted, and nothing that is no command" {
    make_tree tree
    cp tree/bin/afs-score tree/bin/afs-score~
    cp tree/bin/afs-score tree/bin/afs-score.orig
    cp tree/bin/afs-score tree/bin/other
    mkdir tree/bin/afs-folder
    run --separate-stderr -0 tree/scripts/afs --list
    [ "$output" = $'distill\ndistill-status\nexport\nexport-codex\nimport-codex-history\nscore\nsplit' ]
    [ -z "$stderr" ]
    rm tree/bin/afs-*~ tree/bin/*.orig && rmdir tree/bin/afs-folder && rm tree/bin/afs-*
    run --separate-stderr -0 tree/scripts/afs --list
    [ -z "$output" ]
}

@test "help X is X --help, for old spellings too" {
    make_tree tree
    gives "afs-score '--help'" help score
    gives "afs-export-codex '--help'" help training codex-export
    gives "afs-distill-status '--help'" help distill status
    run --separate-stderr -127 tree/scripts/afs help scroe
    [[ $stderr == *"near it: score"* ]]
}

@test "help -m shows the man page" {
    make_tree tree
    touch tree/docs/man/afs-split.1 tree/docs/man/afs.1
    mkdir fake
    printf '#!/bin/sh\necho "page $1"\n' >fake/man
    chmod +x fake/man
    PATH=$PWD/fake:$PATH
    root=$(cd -P tree && pwd)
    gives "page $root/docs/man/afs-split.1" help -m training prepare
    gives "page $root/docs/man/afs.1" help -m
    run --separate-stderr -2 tree/scripts/afs help -m score
    [[ $stderr == "afs: afs-score has no man page in "* ]]
    mkdir -p tree/share/man/man1
    touch tree/share/man/man1/afs-score.1
    gives "page $root/share/man/man1/afs-score.1" help -m score
}

@test "--exec-path, --version and env say where the commands are" {
    make_tree 'tree with  spaces'
    ln -s 'tree with  spaces' tree
    root=$(cd -P tree && pwd)
    gives "$root/bin" --exec-path
    gives "afs 7.8.9" --version
    eval "$(tree/scripts/afs env)"
    [ "$(type -P afs-score)" = "$root/bin/afs-score" ]
    [ "$(type -P afs)" = "$root/scripts/afs" ]
    [[ $PATH == *":$root/.venv/bin:"* ]]
}

@test "an unknown option is wrong usage" {
    make_tree tree
    for words in --nope -x "--list more" "--version 1" --; do
        # shellcheck disable=SC2086
        run --separate-stderr -2 tree/scripts/afs $words
        [ -z "$output" ]
        [[ $stderr == "afs: unknown option "* ]]
    done
}

@test "a typing error gets the nearest names and 127" {
    make_tree tree
    near() { # EXPECTED WORD...
        local expected=$1
        shift
        run --separate-stderr -127 tree/scripts/afs "$@"
        [ -z "$output" ]
        [ "$stderr" = "afs: no such command: $*${expected:+; near it: $expected}; afs --help lists all" ] ||
            { echo "$stderr" && return 1; }
    }
    near score scoer
    near score scre
    near score scorre
    near score scoce
    near split spli
    near "export, export-codex" exprot codex
    near export-codex export-codxe
    near "training codex-export" training codex-exprot
    near "training prepare" trainig prepare
    near "training codex-export, training prepare" training
    near "import-codex-history" import
    near "" quite-another
    run --separate-stderr -127 tree/scripts/afs "$(printf '%09000d' 0)"
    run --separate-stderr -127 tree/scripts/afs $'\e[31m'
    [[ $stderr != *$'\e'* ]]
}

@test "the interpreter: AFS_PYTHON, then AFS_VENV, then .venv, then PATH" {
    make_tree tree
    root=$(cd -P tree && pwd)
    real=$(type -P python3)
    for place in named/python other/bin/python3 tree/.venv/bin/python3; do
        mkdir -p "${place%/*}"
        # Tells its own name, which an interpreter behind a link would not.
        printf '#!/bin/sh\necho "%s"\nexec "%s" "$@"\n' "$place" "$real" >"$place"
        chmod +x "$place"
    done
    gives "tree/.venv/bin/python3"$'\n'"afs-score" score
    gives "$root/.venv/bin/python3" --python
    AFS_VENV=$PWD/other gives "other/bin/python3"$'\n'"afs-score" score
    AFS_VENV=$PWD/gone gives "tree/.venv/bin/python3"$'\n'"afs-score" score
    AFS_VENV=$PWD/other AFS_PYTHON=$PWD/named/python gives "named/python"$'\n'"afs-score" score
    PATH=$PWD/named:$PATH AFS_PYTHON=python gives "named/python"$'\n'"afs-score" score
    rm -r tree/.venv
    gives python3 --python
    gives afs-score score
}

@test "an AFS_PYTHON that cannot be run is wrong usage" {
    make_tree tree
    touch plain
    for python in "$PWD/plain" "$PWD/gone" "$PWD" no-such-python; do
        AFS_PYTHON=$python run --separate-stderr -2 tree/scripts/afs score
        [ -z "$output" ]
        [[ $stderr == "afs: AFS_PYTHON=$python is not an executable file; "* ]]
    done
}

@test "a command that is not Python keeps its own interpreter" {
    make_tree tree
    printf '#!/bin/sh\n# afs-shell - say hello\necho "hello $*"\n' >tree/bin/afs-shell
    chmod +x tree/bin/afs-shell
    gives "hello you" shell you
    AFS_PYTHON=/gone gives "hello you" shell you
    run -0 tree/scripts/afs
    [[ $output == *"  shell                    say hello"* ]]
}

@test "installed, the commands beside it run with their own interpreter" {
    make_tree tree
    mkdir -p prefix/bin
    cp tree/scripts/afs tree/bin/afs-* prefix/bin
    printf '#!/bin/sh\necho own\n' >own
    chmod +x own
    for file in prefix/bin/afs-*; do
        sed "1s|.*|#!$PWD/own python|" "$file" >new && cat new >"$file"
    done
    mkdir -p prefix/lib/afs prefix/.venv/bin # another project's folders
    run --separate-stderr -0 env AFS_PYTHON=/gone prefix/bin/afs training prepare
    [ "$output" = own ]
    [ "$(prefix/bin/afs --exec-path)" = "$(cd -P prefix/bin && pwd)" ]
    [ "$(prefix/bin/afs --list | head -n 1)" = distill ]
    [ "$(prefix/bin/afs --python)" = "$PWD/own python" ]
    printf '#!/bin/sh\necho "afs-distill 7.8.9"\n' >prefix/bin/afs-distill
    [[ $(prefix/bin/afs --version) == *" 7.8.9" ]]
    eval "$(prefix/bin/afs env)"
    [ "$(type -P afs)" = "$(cd -P prefix/bin && pwd)/afs" ]
}

@test "it is found from any folder and through links, under a path with spaces" {
    make_tree 'a b/tree'
    mkdir -p deep/er links
    ln -s "$PWD/a b/tree/scripts/afs" links/absolute
    ln -s '../a b/tree/scripts/afs' links/relative
    ln -s relative links/chain
    ln -s 'a b/tree/scripts' folder
    for afs in links/absolute links/relative links/chain folder/afs 'a b/tree/scripts/afs'; do
        [ "$("$afs" score x)" = "afs-score 'x'" ]
    done
    cd deep/er
    [ "$(../../links/chain score)" = afs-score ]
    (cd ../.. && mkdir -p trap/folder && [ "$(CDPATH=$PWD/trap folder/afs score)" = afs-score ])
    cd ../../folder
    [ "$(PATH=.:$PATH afs score)" = afs-score ]
    [ "$(CDPATH=/usr bash afs score)" = afs-score ]
}

@test "a command without its executable bit: the message is the remedy" {
    make_tree 'a tree'
    chmod -x 'a tree/bin/afs-score'
    run --separate-stderr -2 'a tree/scripts/afs' score
    [ -z "$output" ]
    [[ $stderr == *"is not executable; run: chmod +x "* ]]
    eval "${stderr#*run: }"
    [ "$('a tree/scripts/afs' score)" = afs-score ]
}

@test "the command takes its place: same process, its own status, its own signals" {
    make_tree tree
    printf '#!/bin/sh\necho $$\nexit 42\n' >tree/bin/afs-own
    printf '#!/bin/sh\nkill -TERM $$\n' >tree/bin/afs-end
    chmod +x tree/bin/afs-own tree/bin/afs-end
    run -42 bash -c 'echo $$; exec tree/scripts/afs own'
    [ "${lines[0]}" = "${lines[1]}" ]
    run -143 tree/scripts/afs end
    # Standard input is the command's: the dispatcher has read nothing of it.
    printf '#!/bin/sh\ncat\n' >tree/bin/afs-own
    [ "$(printf 'a\nb\n' | tree/scripts/afs own x y)" = $'a\nb' ]
}

@test "at most 100 lines, and shellcheck finds nothing" {
    [ "$(wc -l <"$ROOT/scripts/afs")" -le 100 ]
    type -P shellcheck || skip "no shellcheck"
    shellcheck "$ROOT/scripts/afs" "$ROOT/scripts/afs-venv" "$ROOT/docs/completions/afs.bash"
}

@test "bash completion asks for names and options" {
    make_tree tree
    printf '#!/bin/sh\n# afs-own - x\n[ "$*" = --complete ] && printf "%%s\\n" --strict --seed --limit\n' >tree/bin/afs-own
    chmod +x tree/bin/afs-own
    PATH=$PWD/tree/scripts:$PATH
    . "$ROOT/docs/completions/afs.bash"
    completes() { # EXPECTED WORD...
        COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
        _afs
        [ "${COMPREPLY[*]}" = "$1" ] || { echo "${COMPREPLY[*]}" && return 1; }
    }
    completes "distill distill-status" afs dis
    completes "codex" afs export ''
    completes "score split" afs help s
    completes "--strict --seed" afs own --s
    completes "--limit" afs own file.jsonl --l
    completes "--limit" afs-own --l
    completes "--limit" ./bin/afs-own -x --l
    completes "" afs own f
    complete -p afs-own
}

@test "zsh completion is sound" {
    type -P zsh || skip "no zsh"
    zsh -n "$ROOT/docs/completions/_afs"
}

# The documented spellings, one a line: SPELLING|COMMAND.
rows() {
    cat <<'END'
training codex-export|afs-export-codex
training claude-export|afs-export-claude
training gemini-export|afs-export-gemini
training antigravity-export|afs-export-antigravity
training memory-export|afs-export-memory
training history-export|afs-export-history
training codex-history-import|afs-import-codex-history
training prepare|afs-split
training rebalance|afs-rebalance
training convert|afs-convert
scoring score|afs-score
pipeline run|afs-pipeline
pipeline status|afs-pipeline-status
discriminator data|afs-discriminator-data
discriminator train|afs-discriminator-train
discriminator filter|afs-discriminator-filter
distill generate|afs-distill
distill status|afs-distill-status
distill export|afs-distill-export
distill teachers|afs-distill-teachers
embeddings index|afs-embeddings-index
embeddings search|afs-embeddings-search
embeddings eval|afs-embeddings-eval
benchmark run|afs-benchmark-run
benchmark leaderboard|afs-benchmark-leaderboard
benchmark compare|afs-benchmark-compare
END
}

@test "every documented spelling runs its command, and each command its dashed name" {
    tested=0
    while IFS='|' read -r spelling name; do
        if [ ! -e "$ROOT/bin/$name" ]; then
            echo "# not there yet: afs $spelling" >&3
            continue
        fi
        # shellcheck disable=SC2086
        run --separate-stderr -0 afs $spelling --version
        [[ $output == "$name "* ]] || { echo "afs $spelling runs ${output:-nothing}: $stderr" && return 1; }
        tested=$((tested + 1))
    done < <(rows)
    [ "$tested" -gt 0 ]
    for file in "$ROOT"/bin/afs-*; do
        name=${file##*/afs-}
        # shellcheck disable=SC2086
        run --separate-stderr -0 afs ${name//-/ } --version
        [[ $output == "afs-$name "* ]] || { echo "afs ${name//-/ } runs ${output:-nothing}: $stderr" && return 1; }
    done
}

@test "no spelling is declared by two commands, and none is another command's name" {
    for file in "$ROOT"/bin/afs-*; do
        {
            printf '%s\n' "${file##*/afs-}"
            sed -n 's/^# Also: *//p' "$file" | tr ',' '\n' | sed 's/^ *//; s/ *$//; s/ /-/g'
        } | sort -u
    done | sort | uniq -d >twice
    [ ! -s twice ] || { cat twice && return 1; }
}

# Lines that the documentation promises, as they are typed.
lines_to_run() {
    cat <<'END'
training memory-export --output training_data/memory.jsonl
training history-export --output training_data/history.jsonl
training antigravity-export --output training_data/antigravity.jsonl
training gemini-export --output training_data/gemini.jsonl
training claude-export --output training_data/claude.jsonl
training codex-export --output training_data/codex.jsonl
training codex-history-import --history-root ~/.context/history
training prepare --input training_data/memory.jsonl --output training_data/splits
scoring score --input training_data/memory.jsonl --output training_data/memory_scored.jsonl
training rebalance --input training_data/memory_scored.jsonl --output training_data/memory_rebalanced.jsonl
training convert --input training_data/memory_scored.jsonl --format alpaca
training convert --input training_data/memory_scored.jsonl --format sharegpt
training convert --input training_data/memory_scored.jsonl --format openai
pipeline run --input training_data/memory.jsonl --output training_data/pipeline
pipeline status --dir training_data/pipeline
END
}

@test "the documented lines run as they are typed" {
    mkdir -p training_data
    cp -R "$ROOT/examples/home/." "$HOME"
    while IFS= read -r line; do
        # What an earlier line would have made, were its command there.
        [ -s training_data/memory.jsonl ] || write_samples training_data/memory.jsonl
        [ -s training_data/memory_scored.jsonl ] || cp training_data/memory.jsonl training_data/memory_scored.jsonl
        read -r one two _ <<<"$line"
        name=$(rows | grep "^$one $two|")
        [ -e "$ROOT/bin/${name#*|}" ] || { echo "# not there yet: afs $line" >&3 && continue; }
        eval "run --separate-stderr -0 afs $line"
        [[ $line != *"--output "* ]] || [ -e "${line##*--output }" ]
        [[ $line != *convert* ]] || [ "${#lines[@]}" -eq "$(wc -l <training_data/memory_scored.jsonl)" ]
    done < <(lines_to_run)
}
