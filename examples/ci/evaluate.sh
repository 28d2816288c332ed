#!/usr/bin/env bash
# Evaluate a model, hold the run against its baseline, and keep a history of what it measured.
# Exit 0: all well. 1: a gate failed. 3: incomplete. 4: something is missing (see the message).
set -euo pipefail
runfile=${1:-run.toml}
summary=${GITHUB_STEP_SUMMARY:-summary.md}
known=known.json # committed: what is accepted
[ -f "$known" ] || known=runs/known.json # what the first run ended in
mkdir -p out

ran=0
kairos-eval run "$runfile" --quiet --out runs/candidate || ran=$?
[ "$ran" -le 3 ] && [ "$ran" -ne 2 ] || exit "$ran" # 1 and 3 have results to be compared

if [ ! -d runs/baseline ]; then # the first run: what it ends in is known from now on
  if [ "$ran" -eq 3 ]; then
    echo "the first run is incomplete, so it is no baseline: see runs/candidate/report" >&2
    exit 3
  fi
  kairos-eval compare runs/candidate --write-baseline runs/known.json --format markdown >>"$summary"
  kairos-eval history add runs/candidate
  cp -r runs/candidate runs/baseline
  exit "$ran"
fi

code=0
kairos-eval compare runs/baseline runs/candidate --baseline "$known" --to out \
  --format markdown >>"$summary" || code=$?
gate=0
if [ "$ran" -ne 3 ]; then
  kairos-eval history add runs/candidate
  kairos-eval history show --page out/history.html >out/history.txt
  kairos-eval history gate --baseline "$known" --junit out/history.xml || gate=$?
  [ "$gate" -ne 3 ] || gate=0 # a history that is too short says nothing
fi
for one in "$code" "$gate" "$ran"; do
  [ "$one" -eq 0 ] || exit "$one"
done
