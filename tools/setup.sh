#!/usr/bin/env bash
# Makes a fresh machine ready: a pinned Node, the npm packages, and the apt packages that are named. Does only what is
# missing, so every make target calls it.
#
# usage: tools/setup.sh [APT_PACKAGE...]
#   BTM_NODE=/path/to/node   a Node of your own, 22.12 or newer, instead of the pinned one
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
say() { echo "setup: $*" >&2; }

mkdir -p .tools
# One at a time: make -j may run several.
exec 9<.tools
flock 9

# --- Node: .tools/node/bin/node. The system's own may be too old (Debian 12 has 18) or not the one that was tested.
if [[ -n ${BTM_NODE-} ]]; then
  version=$("$BTM_NODE" --version)
  if ! "$BTM_NODE" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 12) ? 0 : 1)'; then
    say "BTM_NODE is Node $version, 22.12 or newer is needed"
    exit 1
  fi
  mkdir -p .tools/node-own/bin
  ln -sfn "$(realpath "$BTM_NODE")" .tools/node-own/bin/node
  home=node-own
else
  pinned=22.23.3
  tools/node.sh $pinned >/dev/null
  home=node-$pinned
fi
if [[ $(readlink .tools/node) != "$home" ]]; then
  # A rename, so that there is a Node at every instant.
  ln -sfn $home .tools/node.new
  mv -T .tools/node.new .tools/node
fi
export PATH="$PWD/.tools/node/bin:$PATH"

# --- npm packages, when the lock file is not the one they were installed from. Install scripts stay off (.npmrc): koffi
# and classic-level bring prebuilt files, and bun's binary is used from the package that holds it.
installed_from=node_modules/.installed-from.json
if ! cmp -s package-lock.json $installed_from; then
  say "installing npm packages"
  npm ci --no-progress --loglevel=error >&2
  cp package-lock.json $installed_from
fi
for bun in node_modules/@oven/bun-linux-*/bin/bun node_modules/bun/bin/bun.exe; do
  if [[ -x $bun && $(readlink .tools/bun) != "../$bun" ]]; then
    ln -sfn "../$bun" .tools/bun
  fi
  if [[ -x $bun ]]; then break; fi
done

# --- apt packages
missing=()
for package in "$@"; do
  status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) || true
  if [[ $status != installed ]]; then missing+=("$package"); fi
done
if ((${#missing[@]} > 0)); then
  install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if ((EUID != 0)); then
    say "missing: ${missing[*]}. Run as root: apt-get update && ${install[*]}"
    exit 1
  fi
  say "installing apt packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null >&2
  "${install[@]}" -qq -o Dpkg::Use-Pty=0 </dev/null >&2
fi
