#!/usr/bin/env bash
# Two agents' logs side by side, split by conversation; keeps what was removed and why, and prints a table.
# Usage: examples/two-agents.sh [HOME] [FOLDER]   (default: the examples' own home, ./two-agents)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${1:-$root/examples/home}
folder=${2:-two-agents}
afs=$root/scripts/afs

mkdir -p "$folder"
"$afs" export codex --home "$home" -q -o "$folder/codex.jsonl"
"$afs" export claude --home "$home" -q -o "$folder/claude.jsonl"
"$afs" score -q "$folder/codex.jsonl" "$folder/claude.jsonl" |
    "$afs" filter --min-score 0.05 --dropped "$folder/low.jsonl" -q |
    "$afs" dedupe --dropped "$folder/repeated.jsonl" -q -o "$folder/unique.jsonl"
"$afs" split -q -o "$folder/splits" "$folder/unique.jsonl"
"$afs" stats "$folder/unique.jsonl"
