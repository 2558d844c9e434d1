#!/bin/sh
# HubSpot's published clients against the engine, installed from npm into a build folder so that
# node_modules never lands in the source tree.
#
#   DAYBOOKD=PATH run-tests.sh SOURCE_DIRECTORY BUILD_DIRECTORY
#
# 77 (skipped), with the reason, where there is no node or npm's registry cannot be reached.
set -eu
source=$1
build=$2
for program in node npm; do
    command -v "$program" >/dev/null 2>&1 || {
        echo "skipped: no $program on this machine (Debian: apt-get install nodejs npm)"
        exit 77
    }
done
mkdir -p "$build"
if ! cmp -s "$source/package-lock.json" "$build/installed.json"; then
    cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$build/"
    # npm holds what it installs against the hashes of the lock file: the packages are as published.
    (cd "$build" && npm ci --ignore-scripts --no-audit --no-fund) || {
        if (cd "$build" && npm ping --fetch-retries=0 >/dev/null 2>&1); then
            exit 1
        fi
        echo "skipped: npm's registry cannot be reached, so HubSpot's clients cannot be installed"
        exit 77
    }
    cp "$source/package-lock.json" "$build/installed.json"
fi
cp "$source/clients.test.mjs" "$build/"
cd "$build"
exec node --test clients.test.mjs
