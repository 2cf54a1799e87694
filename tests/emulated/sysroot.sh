#!/bin/bash
# sysroot.sh FOLDER: Debian's arm64 libraries that the cross build needs, unpacked into FOLDER/root.
# Nothing is installed, and dpkg's architectures stay as they are: apt works on lists of its own in FOLDER.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${VERSION_ID:-}")
boost=libboost-dev
if [[ $release == 12 ]]; then boost=libboost1.81-dev; fi
packages=(
  libc6-dev libfmt-dev nlohmann-json3-dev libjpeg62-turbo-dev libpng-dev zlib1g-dev
  libprotobuf-dev libonnx-dev libhwy-dev libgtest-dev libgmock-dev
  "$boost" libsimdjson-dev libgrpc++-dev)

# The list and the release it is for: when both are what was unpacked, there is nothing to do.
wanted="$release: ${packages[*]}"
[[ -f $folder/unpacked && $(<"$folder/unpacked") == "$wanted" ]] && exit 0

rm -rf "$folder/apt" "$folder/root"
mkdir -p "$folder/apt/"{lists/partial,cache/archives/partial} "$folder/root"
: >"$folder/apt/status"
options=(
  -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root
  -o "Dir::State::lists=$folder/apt/lists" -o "Dir::State::status=$folder/apt/status"
  -o "Dir::Cache=$folder/apt/cache" -o Debug::NoLocking=true)
apt-get "${options[@]}" update -qq
apt-get "${options[@]}" install -qq -y --no-install-recommends --download-only "${packages[@]}" >/dev/null
for package in "$folder"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
rm -rf "$folder/apt"
# Links to absolute paths would lead out of the folder.
find "$folder/root" -type l -lname '/*' -print0 | while IFS= read -r -d '' link; do
  ln -sfn "$folder/root$(readlink "$link")" "$link"
done
echo "$wanted" >"$folder/unpacked"
