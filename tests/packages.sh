#!/bin/sh
# Installs the system packages that tests need and the machine lacks, with apt-get as root, and says so before it does.
# With SYSTEM=no, or where it cannot, it says what is left out instead. With CI=true nothing is left out: what is missing
# is installed, or this fails.
set -eu

# servers are not where users have their commands
for folder in /usr/sbin /usr/lib/postgresql/*/bin; do PATH="$PATH:$folder"; done

missing=""
left_out=""
need() { # command, package, what is left out without it
    command -v "$1" >/dev/null && return
    missing="$missing $2"
    left_out="$left_out
    $3 (needs the package $2)"
}
need chromium chromium "the report and the live page in a browser: tests/services"
need zsh zsh "zsh's completion: tests/acceptance/test_shell_reading.py"
need npm npm "the lint of the pages' JavaScript"
need initdb postgresql "stores on PostgreSQL"
need mariadb-install-db mariadb-server-core "stores on MariaDB"
need my_print_defaults mariadb-client-core "stores on MariaDB"
[ -n "$missing" ] || exit 0

leave_out() { # why
    echo "$1; left out:$left_out" >&2
    [ "${CI:-}" != true ] || { echo "with CI=true nothing may be left out" >&2; exit 1; }
    exit 0
}
[ "${SYSTEM:-yes}" != no ] || leave_out "SYSTEM=no: the machine is left alone"
command -v apt-get >/dev/null || leave_out "there is no apt-get to install$missing"
[ "$(id -u)" -eq 0 ] || leave_out "only root can install$missing"

echo "installing system packages with apt-get:$missing (make test SYSTEM=no leaves the machine alone)"
export DEBIAN_FRONTEND=noninteractive
# the tests run servers of their own: no package is to start one, which is what this program is asked
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
fi
# the lists of packages are fetched only where they are not there, or too old to install from
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; } ||
    leave_out "apt-get could not install$missing"
