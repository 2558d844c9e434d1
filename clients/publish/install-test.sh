#!/bin/sh
# Install libdaybook into an empty folder and build against it as a stranger would: C and C++, shared
# and static, by pkg-config alone.
#
#   install-test.sh SOURCE_DIRECTORY BUILD_DIRECTORY CC
set -eu
source=$1
build=$2
cc=$3
prefix=$(mktemp -d "${TMPDIR:-/tmp}/daybook-XXXXXX")
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build" --component libdaybook --prefix "$prefix" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name daybook.pc)")
export PKG_CONFIG_PATH
libdir=$(dirname "$PKG_CONFIG_PATH")
for name in publish_one publish_many query_records; do
    example=$source/clients/examples/$name.c
    # shellcheck disable=SC2046 # flags are words
    $cc -std=c17 "$example" -o "$prefix/$name" $(pkg-config --cflags --libs daybook)
    # shellcheck disable=SC2046
    $cc -std=c17 "$example" -o "$prefix/$name-static" $(pkg-config --cflags daybook) \
        "$libdir/libdaybook.a" $(pkg-config --libs libzmq libxxhash) -lpthread
done
[ "$(pkg-config --modversion daybook)" = "$(sed -n 's/^Version: //p' "$PKG_CONFIG_PATH/daybook.pc")" ]
# What the examples say without an outbox, from both builds.
for program in publish_many publish_many-static; do
    status=0
    LD_LIBRARY_PATH=$libdir "$prefix/$program" 2>"$prefix/said" || status=$?
    [ "$status" = 64 ]
    grep -q '^usage:' "$prefix/said"
done
# The header is C++, too, and nothing else is exported.
printf '#include <daybook.h>\nint main() { return daybook_version()[0] == 0; }\n' >"$prefix/one.cpp"
if command -v c++ >/dev/null 2>&1; then
    # shellcheck disable=SC2046
    c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror "$prefix/one.cpp" -o "$prefix/one" \
        $(pkg-config --cflags --libs daybook)
    LD_LIBRARY_PATH=$libdir "$prefix/one"
fi
others=$(nm -D --defined-only "$libdir/libdaybook.so" | awk '$3 !~ /^(daybook_|DAYBOOK_)/ {print $3}')
others=$others$(nm -g --defined-only "$libdir/libdaybook.a" | awk 'NF == 3 && $3 !~ /^daybook_/ {print $3}')
if [ -n "$others" ]; then
    echo "exported besides daybook_*: $others"
    exit 1
fi
