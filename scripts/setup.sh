#!/usr/bin/env bash
# Makes this machine able to build, test and demonstrate: installs what is missing, and only that. Called by `npm test` and
# `npm run demo`; a second run finds nothing to do and says nothing. As another user than root it installs npm packages only,
# and says which system packages are missing and how to get them.
#
#   bash scripts/setup.sh [demo|test]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
purpose="${1:-demo}"

# Standard output belongs to what is run afterwards.
exec 1>&2
say() { echo "setup: $*"; }
fail() {
  echo "setup: $*"
  exit 1
}

node_major_minor() { node -p 'process.versions.node.split(".").slice(0, 2).map(Number).join(" ")'; }
check_node() {
  command -v node >/dev/null || fail "Node.js is missing: install version 20.19 or later (nodejs.org, or your distribution)"
  read -r major minor <<<"$(node_major_minor)"
  if ((major < 20 || (major == 20 && minor < 19))); then
    fail "Node.js $(node --version) is too old: version 20.19 or later is needed"
  fi
}

has_command() { command -v "$1" >/dev/null || [[ -x "/usr/sbin/$1" || -x "/sbin/$1" ]]; }
has_library() { /sbin/ldconfig -p 2>/dev/null | grep -q "^[[:space:]]*$1 "; }

# The Debian package of each thing that is needed, and how to see whether it is there, whoever installed it.
missing_packages() {
  has_command etcd || echo etcd-server
  has_command ip || echo iproute2
  has_command nsenter || echo util-linux
  has_command mount || echo mount
  has_command make || echo make
  has_command clang || echo clang
  has_library libbpf.so.1 || echo libbpf1
  [[ -e /usr/include/bpf/bpf_helpers.h ]] || echo libbpf-dev
  [[ -e /usr/include/linux/bpf.h ]] || echo linux-libc-dev
  if [[ "$purpose" == test ]]; then
    has_command etcdctl || echo etcd-client
    has_command bpftool || echo bpftool
    has_command openssl || echo openssl
    has_command ps || echo procps
  fi
}

install_packages() {
  local packages=("$@") guard=/usr/sbin/policy-rc.d
  say "installing Debian packages: ${packages[*]}"
  # Packages of servers start them. This machine's etcd, if it is to have one, is not ours to start.
  if [[ ! -e "$guard" ]]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

check_packages() {
  local packages
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]} == 0)) && return
  if [[ "$(id -u)" != 0 ]]; then
    fail "missing: ${packages[*]}. As root: apt-get install --no-install-recommends ${packages[*]}"
  fi
  if ! has_command apt-get; then
    fail "missing: ${packages[*]} (names of Debian 12). Install them with this system's package manager"
  fi
  install_packages "${packages[@]}"
}

check_modules() {
  # npm writes this file last, so that it is older than the lock file exactly when an install is due or was cut short.
  local installed=node_modules/.package-lock.json
  if [[ -e "$installed" && ! package-lock.json -nt "$installed" ]]; then return; fi
  say "installing npm packages (package-lock.json)"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
}

check_node
check_packages
check_modules
