#!/bin/bash
# check_bare.sh ROOT PACKAGES RELEASE: makes a bare Debian in the folder ROOT, unless it is there, installs the .deb of the
# folder PACKAGES into a copy of it, and runs it and the tarball's program there. Needs root and debootstrap.
set -euo pipefail

bare=$1 packages=$2 release=$3
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ ! -f $bare/etc/debian_version ]]; then
  debootstrap --variant=minbase "$release" "$bare"
fi

scratch=$(mktemp -d)
finish() {
  umount "$scratch/root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$scratch"
}
trap finish EXIT
cp -a "$bare/." "$scratch/root"
# The loader asks /proc where a program lies, whose libraries lie beside it.
mount -t proc proc "$scratch/root/proc"
cp "$packages"/*.deb "$packages"/*.tar.gz "$source/tests/image/fixtures/411.jpg" "$scratch/root/tmp/"
cp /etc/resolv.conf "$scratch/root/etc/"
# Where this system's packages come from, should it be another place than debootstrap's.
if [[ -d /etc/apt/apt.conf.d ]]; then cp -n /etc/apt/apt.conf.d/*proxy* "$scratch/root/etc/apt/apt.conf.d/" 2>/dev/null || true; fi

inside() { chroot "$scratch/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# check PROGRAM: with the model that it finds by itself.
check() {
  inside "$1" --version
  inside "$1" classify --top 1 /tmp/411.jpg
  [[ $(inside "$1" classify --json /tmp/411.jpg) == *'"error":null'* ]]
  if inside "$1" classify /tmp/nothing.jpg; then return 1; fi
}

echo "== the tarball, before anything is installed"
inside sh -c 'cd /opt && tar -xzf /tmp/smlp-*.tar.gz'
check "$(inside sh -c 'echo /opt/smlp-*/bin/smlp')"

echo "== the .deb"
inside apt-get update -qq
inside apt-get install -qq -y --no-install-recommends "/tmp/$(basename "$packages"/*.deb)" >"$scratch/apt.log" 2>&1 || {
  cat "$scratch/apt.log" >&2
  exit 1
}
inside dpkg --verify smlp
check smlp
inside ldconfig -p | grep -q 'libsmlp\.so\.'
inside sh -c 'test -f /usr/share/man/man1/smlp.1.gz || grep -q path-exclude /etc/dpkg/dpkg.cfg.d/*'
inside apt-get remove -qq -y smlp >"$scratch/apt.log" 2>&1
[[ ! -e $scratch/root/usr/bin/smlp && ! -e $scratch/root/usr/share/smlp ]]
echo "both install and run on a bare $release"
