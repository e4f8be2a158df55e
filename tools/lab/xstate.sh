#!/usr/bin/env bash
# Prints what to preload into User-Mode Linux on this processor: xstate.c, built when it is not yet, or nothing.
#
# usage: LD_PRELOAD=$(tools/lab/xstate.sh) zfs-run ...     as root, for it may install a compiler
set -euo pipefail

if ! grep -qm 1 -w amx_tile /proc/cpuinfo; then exit; fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
source=tools/lab/xstate.c
library=$PWD/.cache/xstate-$(sha256sum $source | cut -c 1-12).so
if [[ ! -e $library ]]; then
  tools/setup.sh gcc libc6-dev
  mkdir -p .cache
  # Under a name of its own first: another process may want it at the same time.
  gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$library.$$" $source
  mv -T "$library.$$" "$library"
fi
echo "$library"
