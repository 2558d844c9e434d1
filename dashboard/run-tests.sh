#!/bin/sh
# Run tests of the page in a build folder, so that nothing lands in the source tree.
#
#   run-tests.sh SOURCE_DIRECTORY BUILD_DIRECTORY types | TEST_FILE...
#
# 77 (skipped), with the reason, where node, npm or (for browser tests) chromium is missing.
set -eu
source=$1
build=$2
shift 2
for program in node npm; do
    command -v "$program" >/dev/null 2>&1 || {
        echo "skipped: no $program on this machine (Debian: apt-get install nodejs npm)"
        exit 77
    }
done
case "$*" in
*browser/*)
    [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || {
        echo "skipped: no chromium on this machine (Debian: apt-get install chromium)"
        exit 77
    }
    ;;
esac
mkdir -p "$build"
# One at a time: the packages are installed and the page is bundled once.
(
    flock 9
    node "$source/tests/prepare.mjs" "$build"
) 9>"$build/lock"
export PAGE_BUILD="$build"
if [ "$1" = types ]; then
    exec node "$build/npm/node_modules/typescript/bin/tsc" -p "$build/tsconfig.json"
fi
cd "$source/tests"
exec node --test "$@"
