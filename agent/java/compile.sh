#!/bin/sh
# Compiles the agent's classes into the folder that is named, for Java 8 and without any library; the committed ones
# lie in agent/java/classes, and a test compares them with what this gives.
set -eu
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
"${JAVAC:-javac}" --release 8 -Xlint:all -Xlint:-options -Werror -implicit:none -sourcepath "$here/interfaces" -d "$1" \
    "$here"/src/com/twistlock/serverless/*.java
