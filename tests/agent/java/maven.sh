#!/bin/sh
# Builds all projects below a folder in one run of Maven: maven.sh FOLDER REPOSITORY [OPTION...]
# Besides packing them, it copies their dependencies, as `sam build` does after that.
set -eu
folder=$1
repository=$2
shift 2
{
    echo '<project><modelVersion>4.0.0</modelVersion><groupId>defender</groupId><artifactId>cases</artifactId>'
    echo '<version>1</version><packaging>pom</packaging><modules>'
    for project in "$folder"/*/; do
        echo "<module>$(basename "$project")</module>"
    done
    echo '</modules></project>'
} >"$folder/pom.xml"
exec mvn --batch-mode --quiet --file "$folder/pom.xml" "-Dmaven.repo.local=$repository" -Dmaven.test.skip=true \
    -DincludeScope=runtime -Dmdep.prependGroupId=true "$@" \
    package org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
