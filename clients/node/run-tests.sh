#!/bin/sh
# Run the Node publisher's tests from a copy, so that node_modules never lands in the source tree.
#
#   run-tests.sh SOURCE_DIRECTORY BUILD_DIRECTORY
#
# 77 (skipped) only where there is no node at all.
set -eu
source=$1
build=$2
if ! command -v node >/dev/null 2>&1; then
    echo "skipped: no node on this machine (Debian: apt-get install nodejs npm)"
    exit 77
fi
mkdir -p "$build"
for file in package.json package-lock.json .npmrc daybook-publisher.mjs daybook-publisher.test.mjs \
    publish-until-killed.mjs; do
    cp "$source/$file" "$build/$file"
done
cd "$build"
if [ ! -d node_modules/zeromq ]; then
    # zeromq brings its binary along; its install script is not needed.
    npm ci --ignore-scripts --no-audit --no-fund
fi
exec node --test
