#!/usr/bin/env bash
# From Codex logs to a fine-tuning file in one pipe; prints the file's name and its number of lines.
# Usage: examples/one-pipe.sh [HOME] [FILE]       (default: the examples' own home, ./train.jsonl)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${1:-$root/examples/home}
file=${2:-train.jsonl}

"$root/scripts/afs" export codex --home "$home" -q |
    "$root/scripts/afs" score -q |
    "$root/scripts/afs" filter --min-score 0.05 -q |
    "$root/scripts/afs" dedupe -q |
    "$root/scripts/afs" convert --format openai -q -o "$file"
printf '%s: %d lines\n' "$file" "$(wc -l <"$file")"
