#!/usr/bin/env bash
# Brings real chain nodes for the tests, each of one exact version, into .cache/nodes/NAME, without installing them. What is
# there already is not touched.
#
# usage: tools/fetch-nodes.sh NAME...
#
# tools/nodes/NAME says what: a package-lock.json for the npm registry, whose hashes decide; or a module for the proxy of
# Go, whose checksum database does. Those in Go are built, in minutes, and left out where there is no Go.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
say() { echo "fetch-nodes: $*" >&2; }

mkdir -p .cache/nodes
# One at a time: make -j may run several.
exec 9<.cache/nodes
flock 9
work=$(mktemp -d .cache/nodes/.fetch.XXXXXX)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT

from_npm() {
  cp "tools/nodes/$1"/package*.json .npmrc "$2"
  (
    cd "$2"
    npm ci --no-progress --loglevel=error >&2
    # LevelDB for hsd, of which there is no prebuilt file; every other addon of it can be done without. The headers are
    # those of the Node that will run it.
    if [[ $1 == hsd ]]; then npm rebuild bdb --ignore-scripts=false --nodedir="$node" --loglevel=error >&2; fi
  )
}

from_go() {
  # Stripped, and without the paths of this machine in it.
  GOBIN=$PWD/$2 GOFLAGS='' go install -trimpath -ldflags='-s -w' "$(<"tools/nodes/$1/module")" >&2
  cp "tools/nodes/$1/module" "$2"
}

node=$(realpath .tools/node)
for name in "$@"; do
  if [[ -e tools/nodes/$name/module ]]; then pin=module; else pin=package-lock.json; fi
  if cmp -s "tools/nodes/$name/$pin" ".cache/nodes/$name/$pin"; then continue; fi
  if [[ $pin == module ]] && ! command -v go >/dev/null; then
    say "*** NOT TESTED: $name is left out: it is built with Go, and there is no Go on this machine ***"
    continue
  fi
  say "fetching $name$([[ $pin == module ]] && echo ', and building it: this takes minutes')"
  mkdir "$work/$name"
  if [[ $pin == module ]]; then from_go "$name" "$work/$name"; else from_npm "$name" "$work/$name"; fi
  rm -rf ".cache/nodes/$name"
  mv -T "$work/$name" ".cache/nodes/$name"
done
