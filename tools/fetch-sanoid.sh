#!/usr/bin/env bash
# Brings sanoid and the Perl modules it needs from Debian, for the tests, without installing them: .cache/sanoid holds what
# is in the packages. apt checks them as it does when it installs.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
home=.cache/sanoid
if [[ -x $home/usr/sbin/sanoid ]]; then exit; fi
if ! command -v apt-get >/dev/null; then
  echo "fetch-sanoid: this is no Debian: the test beside sanoid is left out" >&2
  exit
fi

mkdir -p .cache
work=$(mktemp -d .cache/sanoid.XXXXXX)
trap 'rm -rf "$work"' EXIT
# apt downloads as a user of its own.
chmod 777 "$work"
fetch() { (cd "$work" && apt-get download -qq sanoid libconfig-inifiles-perl libcapture-tiny-perl </dev/null >&2); }
if ! fetch; then
  if ((EUID != 0)); then
    echo "fetch-sanoid: run as root: apt-get update" >&2
    exit 1
  fi
  apt-get update -qq </dev/null >&2
  fetch
fi
for package in "$work"/*.deb; do dpkg-deb --extract "$package" "$work/root"; done
# Debian's has the place of its defaults written into it; sanoid's own looks for them beside its configuration.
sed -i 's|"/usr/share/sanoid/sanoid.defaults.conf"|"$args{'"'configdir'"'}/sanoid.defaults.conf"|' "$work/root/usr/sbin/sanoid"
rm -rf $home
mv -T "$work/root" $home
