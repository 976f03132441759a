#!/bin/sh
# Installs what the service tests need and the machine lacks, where it may: as root, with apt-get. Otherwise it says what
# is missing, and the tests do, too.
set -eu

missing=""
command -v chromium >/dev/null || missing="$missing chromium"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing; the tests that need them will say so" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# the lists of packages are fetched only where they are not there, or too old to install from
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; } ||
    echo "could not be installed:$missing" >&2
