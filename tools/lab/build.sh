#!/usr/bin/env bash
# Builds the lab of the ZFS tests: a User-Mode Linux kernel and OpenZFS 2.1 and 2.3, from Debian 12's own packages.
# Runs again where it was stopped, and does nothing when the lab is finished. README.md says what it gives and costs.
#
# usage: tools/lab/build.sh [FOLDER]      as root; FOLDER is $BTM_LAB or else .cache/lab
#   BTM_LAB_MIRROR=http://...   a mirror of Debian instead of the host's own
set -euo pipefail
shopt -s inherit_errexit
umask 022

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd -- "$here/../.." && pwd)
say() { echo "lab: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# What is built, in Debian's names: the number zfs-run knows it by, the suite, the version that the tests are about.
suites=([21]=bookworm [23]=bookworm-backports)
versions=([21]=2.1.11 [23]=2.3.2)
userland=(
  [21]="zfsutils-linux libzfs4linux libzpool5linux libnvpair3linux libuutil3linux"
  [23]="zfsutils-linux libzfs6linux libzpool6linux libnvpair3linux libuutil3linux"
)
# The libraries that these need and the smallest Debian 12 does not have.
spare=(libssl3 libtirpc3 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1)
toolchain=(bc bison flex gcc libc6-dev make perl xz-utils)

# --- Outside: everything that mounts or takes long runs in a mount and a process namespace of its own. Whatever ends
# it, kill -9 included, ends every process in it, and no mount was ever to be seen on the host.
if [[ ${1-} != --inside ]]; then
  lab=$(realpath -m -- "${1:-${BTM_LAB:-$repository/.cache/lab}}")
  install_scripts() {
    local name
    for name in boot.sh zfs-cut zfs-run; do
      cmp -s "$here/$name" "$1/$name" || install -m 755 "$here/$name" "$1/$name"
    done
  }
  if [[ -e $lab/versions ]]; then
    install_scripts "$lab"
    rm -rf --one-file-system "$lab/.build"
    say "ready: $lab"
    exit
  fi
  if [[ -e $lab/zfs-run && ! -e $lab/.build ]]; then
    say "left alone: $lab is a lab that was not built by this script"
    exit
  fi
  if [[ $(uname -m) != x86_64 ]]; then die "User-Mode Linux 6.1 runs on x86_64 only"; fi
  if ((EUID != 0)); then die "run as root: the lab is built in a tree that is entered by chroot"; fi
  if [[ $lab =~ [^A-Za-z0-9/._+-] ]]; then die "a path with such characters cannot be handed to the guest's kernel: $lab"; fi
  "$repository/tools/setup.sh" debootstrap

  mkdir -p "$lab/.build"
  # One at a time. What runs inside inherits the lock, so it lasts until the last process of a build is gone.
  exec 9<"$lab/.build"
  flock -n 9 || die "$lab is being built already"
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
    -- "${BASH_SOURCE[0]}" --inside "$lab" &
  inside=$!
  stop() {
    trap '' INT TERM HUP
    { kill -KILL "$inside" && wait "$inside"; } 2>/dev/null || true
    exec 9<&- 8<"$lab/.build"
    flock -w 60 8
    say "stopped; run it again to go on"
    exit "$1"
  }
  trap 'stop 130' INT
  trap 'stop 143' TERM HUP
  wait $inside || exit
  trap - INT TERM HUP

  # It is a lab when both have shown that they work here: some containers forbid what User-Mode Linux needs.
  made=$lab/.build/tree/lab
  install_scripts "$made"
  preload=$("$here/xstate.sh")
  for number in "${!versions[@]}"; do
    say "trying OpenZFS ${versions[number]}"
    log=$lab/.build/log/try$number
    LD_PRELOAD=$preload "$made/zfs-run" -z "$number" "set -e
      zfs version
      truncate -s 256M pool
      zpool create tank \$PWD/pool
      zfs create tank/live
      zfs snapshot tank/live@1
      zfs list -t all -o name" >"$log" 2>&1 || die "it does not run here: see $log"
    grep -q "^zfs-kmod-${versions[number]}-" "$log" || die "it is another version: see $log"
  done
  "$made/linux" --version | sed 's/^/linux /' >"$made/versions"
  for number in "${!versions[@]}"; do echo "zfs$number ${versions[number]}"; done >>"$made/versions"
  # Last what this script knows a finished lab by, and what the tests look for.
  for name in linux busybox spare zfs21 zfs23 boot.sh zfs-cut versions zfs-run; do
    cp -aT "$made/$name" "$lab/$name"
  done
  rm -rf --one-file-system "$lab/.build"
  say "ready: $lab"
  exit
fi

# --- Inside.
lab=$2
work=$lab/.build
tree=$work/tree
mkdir -p "$work/done" "$work/log"
# A function's own output goes to its log; what the user sees goes here.
exec 3>&2
# Of /usr/lib and /lib, /usr/sbin and /sbin a package has one.
shopt -s nullglob

# stage WHAT FUNCTION [ARGUMENT]: unless it has been through.
stage() {
  local start=$SECONDS
  current=$2${3-}
  if [[ -e $work/done/$current ]]; then return; fi
  echo "lab: $1" >&3
  "${@:2}" >"$work/log/$current" 2>&1
  : >"$work/done/$current"
  echo "lab: $1: $((SECONDS - start)) s" >&3
}
failed() {
  local status=$?
  if ((status != 0)); then
    tail -n 25 "$work/log/$current" >&3
    echo "lab: failed in the stage '$current': see $work/log/$current" >&3
  fi
}
trap failed EXIT

# The way to the mirror, in and out of the tree.
eval "$(apt-config shell proxy Acquire::http::Proxy secure_proxy Acquire::https::Proxy)"
export http_proxy=${http_proxy:-${proxy-}} https_proxy=${https_proxy:-${secure_proxy-}} no_proxy=${no_proxy-}

# in_tree COMMAND...: nothing of the caller's environment (make's flags, a compiler's) gets in.
in_tree() {
  chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    http_proxy="$http_proxy" https_proxy="$https_proxy" no_proxy="$no_proxy" "$@" </dev/null
}

# The first mirror that the host takes Debian from; deb.debian.org when that is nothing that debootstrap can use.
mirror() {
  local uri=${BTM_LAB_MIRROR-} etc=/etc/apt
  if [[ -z $uri ]] && grep -qx 'ID=debian' /etc/os-release; then
    uri=$(
      cat $etc/sources.list.d/debian.sources $etc/sources.list 2>/dev/null |
        sed -nE '/security/! s#^(URIs:|deb( \[[^]]*\])?) +(https?://[^ ]+).*#\3#p' | head -n 1
    ) || true
  fi
  echo "${uri:-http://deb.debian.org/debian}"
}

# unpack FOLDER SUITE PACKAGE...: the content of packages without installing them: no script of theirs runs, and the
# modules are not built for a kernel that is not there.
unpack() {
  local folder=$1 suite=$2 package
  shift 2
  rm -rf "$tree$folder" "$tree/debs"
  mkdir -p "$tree$folder" "$tree/debs"
  in_tree sh -c 'cd /debs && apt-get download -o APT::Sandbox::User=root "$@"' sh "${@/%//$suite}"
  for package in "$tree"/debs/*.deb; do dpkg-deb --extract "$package" "$tree$folder"; done
  rm -rf "$tree/debs"
}

# edit SED_EXPRESSION FILE...: every one of them must change.
edit() {
  local expression=$1 file
  shift
  for file in "$@"; do
    cp "$file" "$file.before"
    sed -i -E "$expression" "$file"
    if cmp -s "$file" "$file.before"; then
      echo "nothing in $file matches $expression"
      return 1
    fi
  done
}

base() {
  local from file
  from=$(mirror)
  rm -rf --one-file-system "$tree"
  debootstrap --variant=minbase --force-check-gpg bookworm "$tree" "$from"
  # A machine may reach its mirror only by its own certificates, names and settings of apt. Of the settings only those
  # about fetching: the others name programs that the tree does not have.
  for file in /etc/resolv.conf /etc/hosts; do
    if [[ -e $file ]]; then cp -L $file "$tree/etc/"; fi
  done
  mkdir -p "$tree/etc/ssl"
  if [[ -d /etc/ssl/certs ]]; then cp -RL /etc/ssl/certs "$tree/etc/ssl/" || true; fi
  apt-config dump | grep '^Acquire::' | grep -vE '^Acquire::(IndexTargets|.*Auto-?Detect)' >"$tree/etc/apt/apt.conf.d/50host"
  printf 'deb %s %s\n' "$from" "bookworm main contrib" "$from" "bookworm-backports contrib" >"$tree/etc/apt/sources.list"
  in_tree apt-get update
}

# Before the tools are installed: the tree is the smallest Debian 12 now, so what ldd finds in it is on every one.
userland() {
  local number program packages lib=usr/lib/x86_64-linux-gnu
  rm -rf "$tree/lab"
  unpack /spare bookworm "${spare[@]}"
  mkdir -p "$tree/lab/spare/$lib"
  cp -a "$tree"/spare/{usr/,}lib/x86_64-linux-gnu/*.so* "$tree/lab/spare/$lib/"
  for number in "${!versions[@]}"; do
    read -ra packages <<<"${userland[number]}"
    unpack "/root$number" "${suites[number]}" "${packages[@]}"
    # Everything below /usr, as on the host: a real /lib would hide the host's, which is a link.
    mkdir -p "$tree/lab/zfs$number/root/$lib" "$tree/lab/zfs$number/root/"{usr/sbin,usr/share,etc/zfs}
    cp -a "$tree/root$number"/{usr/,}lib/x86_64-linux-gnu/*.so* "$tree/lab/zfs$number/root/$lib/"
    cp -a "$tree/root$number"/{usr/,}sbin/* "$tree/lab/zfs$number/root/usr/sbin/"
    cp -a "$tree/root$number/usr/share/zfs" "$tree/lab/zfs$number/root/usr/share/"
    for program in zfs zpool zdb mount.zfs; do
      in_tree env LD_LIBRARY_PATH="/lab/zfs$number/root/$lib:/lab/spare/$lib" ldd "/lab/zfs$number/root/usr/sbin/$program" |
        tee "$work/log/ldd"
      if grep 'not found' "$work/log/ldd"; then return 1; fi
    done
  done
  unpack /busybox bookworm busybox-static
  cp "$tree/busybox/bin/busybox" "$tree/lab/"
}

tools() {
  # A run before may have been killed halfway.
  in_tree dpkg --configure -a
  in_tree apt-get install -y --no-install-recommends --fix-broken "${toolchain[@]}"
}

sources() {
  local number
  unpack /src bookworm linux-source-6.1
  in_tree tar -xf /src/usr/src/linux-source-6.1.tar.xz -C /src
  for number in "${!versions[@]}"; do
    unpack "/zfs$number" "${suites[number]}" zfs-dkms
    # Fails when Debian has moved on to another version than the tests are about.
    mv "$tree/zfs$number/usr/src/zfs-${versions[number]}" "$tree/src/"
    rm -r "$tree/zfs$number"
  done
}

kernel() {
  local line make=(in_tree make -C /src/linux-source-6.1 ARCH=um O=/src/kernel)
  mkdir -p "$tree/src/kernel"
  cp "$here/kernel.config" "$tree/src/"
  "${make[@]}" KCONFIG_ALLCONFIG=/src/kernel.config allnoconfig
  # What it depends on may be missing, and then it is dropped without a word.
  while read -r line; do
    if [[ $line == CONFIG_*=* ]] && ! grep -qxF "$line" "$tree/src/kernel/.config"; then
      echo "not in the kernel's configuration: $line"
      return 1
    fi
  done <"$here/kernel.config"
  "${make[@]}" -j"$(nproc)" linux modules
  in_tree strip -o /lab/linux /src/kernel/linux
}

# User-Mode Linux is x86 without the kernel's own use of the vector units: asm/fpu is not there. OpenZFS has plain C for
# everything, and takes it on machines it does not know; these edits make it take it here.
modules() {
  local number=$1 source=/src/zfs-${versions[$1]} build=/src/build$1
  rm -rf "$tree$build"
  cp -a "$tree$source" "$tree$build"
  (
    cd "$tree$build"
    edit 's/^#if defined\(__x86\)$/#if defined(__x86) \&\& !defined(CONFIG_UML)/' include/os/linux/kernel/linux/simd{,_x86}.h
    if ((number == 21)); then
      # User-Mode Linux has CONFIG_X86_64 and no CONFIG_X86; 2.3 knows that.
      edit 's/\$\(CONFIG_X86\)/$(CONFIG_X86_64)/' module/{icp,zcommon,zfs}/Makefile.in
      # It compiles C with -Dsetjmp=kernel_setjmp (arch/um/Makefile); the assembler's names must follow. 2.3 knows.
      edit '1i #define setjmp kernel_setjmp\n#define longjmp kernel_longjmp' module/lua/setjmp/setjmp.S
    else
      edit 's/^#if defined\(__x86_64__\) \|\| defined\(__i386__\)$/#if (defined(__x86_64__) || defined(__i386__)) \&\& !defined(CONFIG_UML)/' \
        module/zcommon/simd_stat.c
    fi
  )
  in_tree env ARCH=um ARCH_UM=ARCH=um sh -ec "cd $build
    ./configure --with-config=kernel --with-linux=/src/linux-source-6.1 --with-linux-obj=/src/kernel"
  # What configure found the compiler to be able to do.
  edit 's/^#define HAVE_(TOOLCHAIN_)?(SSE|SSSE|AVX|AES|PCLMUL|MOVBE|XSAVE)[A-Z0-9_]* 1$//' "$tree$build/zfs_config.h"
  in_tree env ARCH=um ARCH_UM=ARCH=um make -C "$build" -j"$(nproc)"
  rm -rf "$tree/lab/zfs$number/mods"
  mkdir "$tree/lab/zfs$number/mods"
  find "$tree$build/module" -name '*.ko' -exec cp -t "$tree/lab/zfs$number/mods" {} +
  in_tree sh -c "strip --strip-debug /lab/zfs$number/mods/*.ko"
}

stage "a Debian 12 to build in" base
mount -t proc proc "$tree/proc"
stage "the programs of OpenZFS" userland
stage "the compiler" tools
stage "the sources" sources
stage "the kernel" kernel
stage "the modules of OpenZFS ${versions[21]}" modules 21
stage "the modules of OpenZFS ${versions[23]}" modules 23
