#!/usr/bin/env bash
# Installs the Debian packages that a step needs and that are missing.
# Usage: install-dependencies.sh build|test|bench|soak
set -euo pipefail

build=(libcurl4-openssl-dev libssl-dev libsqlite3-dev pkg-config tzdata)
test=("${build[@]}" python3 python3-venv curl strace openssl patch webhook eatmydata systemd iproute2 gcc libc6-dev)
bench=("${test[@]}" nginx-light wrk)
soak=("${test[@]}" nginx-light xfsprogs e2fsprogs systemd-container debootstrap)

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${test[@]}") ;;
  bench) wanted=("${bench[@]}") ;;
  soak) wanted=("${soak[@]}") ;;
  *) echo "usage: $0 build|test|bench|soak" >&2; exit 64 ;;
esac

command -v swift >/dev/null || { echo "Swift 6.2 or later is needed: https://www.swift.org/install/linux/" >&2; exit 69; }

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

run=()
[ "$(id -u)" -eq 0 ] || run=(sudo)
echo "Installing: ${missing[*]}" >&2
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
