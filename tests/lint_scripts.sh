#!/bin/sh
# Lints the pages' JavaScript with Biome in the version that package.json names, installed into node_modules.
set -eu
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
    echo "there is no npm; the lint of the pages' JavaScript is left out" >&2
    [ "${CI:-}" != true ]
    exit
fi
if [ ! -e node_modules/.ready ] || [ package.json -nt node_modules/.ready ]; then
    npm install --silent
    touch node_modules/.ready
fi
npm run --silent lint
