# Completion for bash. Source this file, or install it as share/bash-completion/completions/afs.
# It knows no command: it asks `afs --list` and `afs COMMAND --complete`.

_afs() {
    local typed=${COMP_WORDS[COMP_CWORD]} said=() known='' name count i
    COMPREPLY=()
    # What names the command: the words before the first option, and the rest of `afs-export` itself.
    name=${COMP_WORDS[0]##*/}
    [[ $name == afs ]] || said=("${name#afs-}")
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} != -* ]] || break
        [[ ${COMP_WORDS[i]} == help ]] || said+=("${COMP_WORDS[i]}")
    done
    if [[ $typed == -* ]]; then
        for ((count = ${#said[@]}; count > 0; count--)); do # operands may follow the name
            known=$(afs "${said[@]:0:count}" --complete 2>/dev/null </dev/null) || continue
            for name in $(compgen -W "$known" -- "$typed"); do COMPREPLY+=("$name"); done
            [[ ${#COMPREPLY[@]} -eq 0 ]] || break
        done
    else
        [[ ${#said[@]} -eq 0 ]] || known=$(printf '%s-' "${said[@]}")
        for name in $(compgen -W "$(afs --list 2>/dev/null)" -- "$known$typed"); do
            COMPREPLY+=("${name#"$known"}")
        done
    fi
}
complete -o default -F _afs afs
for name in $(afs --list 2>/dev/null); do complete -o default -F _afs "afs-$name"; done
unset name
