#!/usr/bin/env bash
# Packs what a machine needs to run btm.
#
# usage: tools/package/make-package.sh tar OUTFILE      what install.sh installs
#        tools/package/make-package.sh deb OUTFILE      the same as a Debian package
set -euo pipefail
umask 022

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
kind=$1
outfile=$2
version=$(sed -nE 's/^  "version": "(.*)",$/\1/p' package.json)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The same sources give the same package: no time, no owner, no order of the file system in it.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

# put_documents FOLDER: the pages that messages name.
put_documents() {
  local page
  (cd docs && find . -type f \( -name '*.md' -o -name '*.yaml' \)) | while read -r page; do install -D -m 644 "docs/$page" "$1/$page"; done
}

case $kind in
  tar)
    folder=$work/btm_package
    mkdir "$folder"
    install -m 755 build/btm tools/package/install.sh "$folder"
    install -m 644 tools/package/btm-daemon.service tools/systemd/btm-recover@.service tools/package/completion.bash \
      tools/package/btm.toml build/btm.1 LICENSE "$folder"
    put_documents "$folder/docs"
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work" -c btm_package |
      gzip -n >"$outfile.new"
    ;;
  deb)
    tree=$work/tree
    binary=/usr/bin/btm
    install -D -m 755 build/btm "$tree$binary"
    for unit in tools/package/btm-daemon.service tools/systemd/btm-recover@.service; do
      install -d "$tree/lib/systemd/system"
      # Installed and not configured yet, it is no failure at boot.
      sed "s#@BIN@#$binary#; s#:/usr/local/bin/btm#:$binary#; s#^\[Service\]#&#" "$unit" \
        >"$tree/lib/systemd/system/$(basename "$unit")"
    done
    sed -i 's#^\[Unit\]#&\nConditionPathExists=/etc/btm/btm.toml#' "$tree/lib/systemd/system/btm-daemon.service"
    install -D -m 644 tools/package/completion.bash "$tree/usr/share/bash-completion/completions/btm"
    install -d "$tree/usr/share/man/man1"
    gzip -9n <build/btm.1 >"$tree/usr/share/man/man1/btm.1.gz"
    install -D -m 644 LICENSE "$tree/usr/share/doc/btm/copyright"
    install -D -m 644 tools/package/btm.toml "$tree/usr/share/doc/btm/examples/btm.toml"
    put_documents "$tree/usr/share/doc/btm/docs"
    install -d "$tree/DEBIAN"
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: btm
Version: ${version//-/\~}
Architecture: $(dpkg --print-architecture)
Maintainer: The btm authors <noreply@example.com>
Section: admin
Priority: optional
Depends: libc6 (>= 2.31)
Suggests: zfsutils-linux (>= 2.1)
Installed-Size: $(du -sk "$tree" | cut -f 1)
Description: time machine for the disk of a blockchain node
 Snapshots a node's data volume (ZFS or Btrfs) by block height while the node
 runs, thins the snapshots by a rule, and puts the volume back to any height.
CONTROL
    for script in postinst prerm postrm; do install -m 755 "tools/package/deb/$script" "$tree/DEBIAN/$script"; done
    find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$outfile.new" >/dev/null
    ;;
  *)
    echo "usage: make-package.sh tar|deb OUTFILE" >&2
    exit 2
    ;;
esac
mv -fT "$outfile.new" "$outfile"
echo "$outfile"
