#!/usr/bin/env bash
# Installs btm and its daemon on a machine with systemd, upgrades what is there, or takes it away again.
set -euo pipefail
umask 022

usage() {
  cat <<'USAGE'
usage: ./install.sh [OPTIONS]        as root, in the unpacked package

  -p, --snapshot-volume=VOLUME       what is snapshotted: the path of a Btrfs subvolume, or a ZFS dataset
  -i, --snapshot-itv=N               blocks between two snapshots (10)
  -c, --snapshot-cap=N               the most snapshots that are kept (100)
  -m, --snapshot-mode=zfs|btrfs      found by looking at the volume unless given
  -a, --snapshot-algo=fair|fade      what goes when there are more (fair)
      --uninstall                    takes away what was installed; no snapshot, and no configuration that was changed
  -h, --help

Without options it upgrades: /etc/btm/btm.toml stays as it is.
USAGE
}

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
binary=/usr/local/bin/btm
units=/etc/systemd/system
config=/etc/btm/btm.toml
completion=/usr/share/bash-completion/completions/btm
manual=/usr/local/share/man/man1/btm.1
# Only docs/ in it is ours: the pages that messages name.
documents=/usr/local/share/doc/btm
# The first line of a configuration that this script wrote; behind it stands the checksum of the rest.
written="# Written by install.sh; once you change it, it is yours. "

say() { echo "install: $*"; }
# die STATUS MESSAGE: 2 for what was given, 1 for what is.
die() {
  echo "install: $2" >&2
  exit "$1"
}

volume='' itv='' cap='' mode='' algo='' uninstall=''
# take OPTION [VALUE]: a value that follows as a word of its own is taken as well.
while (($# > 0)); do
  argument=$1
  shift
  case $argument in
    --*=*) option=${argument%%=*} value=${argument#*=} ;;
    -[picma]=*) option=${argument:0:2} value=${argument:3} ;;
    -[picma]?*) option=${argument:0:2} value=${argument:2} ;;
    --snapshot-* | -[picma])
      if (($# == 0)); then die 2 "$argument needs a value; see --help"; fi
      option=$argument value=$1
      shift
      ;;
    *) option=$argument value='' ;;
  esac
  if [[ $option == --snapshot-* || $option == -[picma] ]] && [[ -z $value ]]; then
    die 2 "$option needs a value; see --help"
  fi
  case $option in
    -p | --snapshot-volume) volume=$value ;;
    -i | --snapshot-itv) itv=$value ;;
    -c | --snapshot-cap) cap=$value ;;
    -m | --snapshot-mode) mode=$value ;;
    -a | --snapshot-algo) algo=$value ;;
    -h | --help)
      usage
      exit 0
      ;;
    --uninstall) uninstall=1 ;;
    *) die 2 "unknown option $argument; see --help" ;;
  esac
done
if [[ -n $uninstall && -n $volume$itv$cap$mode$algo ]]; then die 2 "--uninstall goes without other options"; fi
if [[ -z $volume && -n $itv$cap$mode$algo ]]; then die 2 "give the volume as well: --snapshot-volume=VOLUME"; fi

if ((EUID != 0)); then die 1 "run it as root"; fi
if [[ ! -d /run/systemd/system ]]; then die 1 "systemd is not running on this machine"; fi

# is_ours FILE: whether it is a configuration as this script wrote it.
is_ours() {
  local first
  read -r first <"$1" || return 1
  [[ $first == "$written"* && ${first#"$written"} == "$(tail -n +2 "$1" | sha256sum | cut -d ' ' -f 1)" ]]
}

instance() { systemd-escape --template=btm-recover@.service "$1"; }

# The volumes of a configuration, a line each.
volumes_of() { sed -nE 's/^volume = "(.*)"$/\1/p' "$1"; }

if [[ -n $uninstall ]]; then
  systemctl disable --now btm-daemon.service 2>/dev/null || true
  for link in "$units"/multi-user.target.wants/btm-recover@*.service; do
    if [[ -L $link ]]; then systemctl disable "$(basename -- "$link")" 2>/dev/null || true; fi
  done
  rm -f "$units/btm-daemon.service" "$units/btm-recover@.service" "$binary" "$completion" "$manual"
  if [[ ! -L $documents ]]; then
    rm -rf "$documents/docs" "$documents/docs.new"
    rmdir "$documents" 2>/dev/null || true
  fi
  if [[ -e $config ]]; then
    if is_ours "$config"; then rm -f "$config"; else say "left alone, for it was changed: $config"; fi
  fi
  rmdir /etc/btm 2>/dev/null || true
  systemctl daemon-reload
  rm -f /run/btm/btm.sock
  if getent group btm >/dev/null; then
    if [[ -z $(getent group btm | cut -d : -f 4) ]]; then groupdel btm; else say "left alone, for it has members: the group btm"; fi
  fi
  say "btm is uninstalled; all snapshots are still there"
  exit 0
fi

# --- Everything is checked before anything is touched.
for file in btm btm-daemon.service btm-recover@.service completion.bash btm.1 docs; do
  if [[ ! -e $here/$file ]]; then die 1 "the package is not whole: $here/$file is missing"; fi
done
# What is below a link is somebody else's.
if [[ -L $documents ]] || [[ -e $documents && ! -d $documents ]]; then
  die 1 "$documents is a link or no directory, and the documents belong there: move it away"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/btm" --version >"$work/version" || die 1 "$here/btm does not run on this machine"

wanted=$config
if [[ -n $volume ]]; then
  # A string of TOML with nothing in it that must be escaped.
  for value in "$volume" "$itv" "$cap" "$mode" "$algo"; do
    if [[ $value == *[\"\\[:cntrl:]]* ]]; then die 2 "a value must be without quotes, backslashes and control characters"; fi
  done
  for value in "$itv" "$cap"; do
    if [[ -n $value && ! $value =~ ^[0-9]{1,20}$ ]]; then die 2 "expected a whole number, and not \"$value\""; fi
  done
  name=$(basename -- "$volume" | tr -c 'A-Za-z0-9_.\n-' '-' | sed -E 's/^[^A-Za-z]+//' | cut -c 1-64)
  {
    echo "[volumes.\"${name:-volume}\"]"
    echo "volume = \"$volume\""
    if [[ -n $itv ]]; then echo "itv = $itv"; fi
    if [[ -n $cap ]]; then echo "cap = $cap"; fi
    if [[ -n $mode ]]; then echo "mode = \"$mode\""; fi
    if [[ -n $algo ]]; then echo "algo = \"$algo\""; fi
  } >"$work/rest"
  { echo "$written$(sha256sum <"$work/rest" | cut -d ' ' -f 1)" && cat "$work/rest"; } >"$work/btm.toml"
  wanted=$work/btm.toml
elif [[ ! -e $config ]]; then
  die 2 "give the volume: --snapshot-volume=VOLUME; see --help"
fi
"$here/btm" check-config "$wanted" >"$work/check" 2>&1 || {
  sed "s#$work/btm.toml#the options#" "$work/check" >&2
  die 2 "nothing was changed"
}
while read -r checked; do
  "$here/btm" list -p "$checked" >/dev/null 2>"$work/list" || say "warning: $(head -n 1 "$work/list")"
done < <(volumes_of "$wanted")

# --- From here on. Each file is put in its place whole: a crash leaves the old one or the new one.
put() { # MODE SOURCE TARGET
  mkdir -p -- "$(dirname -- "$3")"
  install -m "$1" -- "$2" "$3.new"
  mv -fT -- "$3.new" "$3"
}
getent group btm >/dev/null || groupadd --system btm
put 755 "$here/btm" "$binary"
for unit in btm-daemon.service btm-recover@.service; do
  sed "s#@BIN@#$binary#; s#:/usr/local/bin/btm#:$binary#" "$here/$unit" >"$work/$unit"
  put 644 "$work/$unit" "$units/$unit"
done
if [[ -d $(dirname -- "$completion") ]]; then put 644 "$here/completion.bash" "$completion"; fi
put 644 "$here/btm.1" "$manual"
mkdir -p "$documents"
rm -rf "$documents/docs.new"
cp -r "$here/docs" "$documents/docs.new"
chown -R root:root "$documents/docs.new"
chmod -R u=rwX,go=rX "$documents/docs.new"
rm -rf "$documents/docs"
mv -T "$documents/docs.new" "$documents/docs"
if [[ $wanted != "$config" ]] && ! cmp -s "$wanted" "$config"; then
  if [[ -e $config ]] && ! is_ours "$config"; then
    cp -a -- "$config" "$config.old"
    say "the configuration that was there is now $config.old"
  fi
  put 644 "$wanted" "$config"
fi
systemctl daemon-reload
while read -r checked; do
  systemctl enable --quiet "$(instance "$checked")"
done < <(volumes_of "$config")
systemctl enable --quiet btm-daemon.service
systemctl restart btm-daemon.service
say "$(cat "$work/version") is installed; users in the group btm may ask for snapshots"
systemctl status --no-pager btm-daemon.service
