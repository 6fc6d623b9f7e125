# An artifact that is unpacked once for all nodes of this machine, in a folder below `shared` (`SharedArtifacts`).
# Run as root; needs sh, coreutils, grep. The caller sets, before this text: shared name sha256 path aside. After it
# come the functions of the distribution (`Distribution.images`), and the call of one of the last five functions here.
# Each of these may run again. It prints what it has done, and nothing where the artifact must be sent.
umask 022
find_shared() { # prints the path of the artifact in the shared folder
    for sums in "$shared"/*/sums; do
        found=${sums%sums}$name
        if grep -qxF "$sha256 $name" "$sums" 2>/dev/null && [ -f "$found" ]; then echo "$found" && return; fi
    done
    return 1
}
put() { # PLACE COMMAND…: the place is there as a whole or not at all; the command gets the path to create
    to=$1
    shift
    mkdir -p "$(dirname "$to")" && rm -rf "$to.part" && "$@" "$to.part" && mv -fT "$to.part" "$to" || exit 1
}
use() { # FILE: copies what is unpacked of it to its places, or links to the file itself where these are taken
    own=no used=no
    while read -r source place; do
        if [ "$place" = "$path" ]; then
            own=yes
        elif [ -e "$place" ] && [ ! -L "$place" ]; then
            continue # a service may use that folder, and a file may be of the operator
        fi
        used=yes
        put "$place" cp -a "${1%/*}/$source"
    done < "$1.places"
    if [ $used = no ]; then
        put "$path" ln -s "$1"
    elif [ $own = no ]; then
        rm -f "$path" # of another version, which the service would import
    fi
}

place() { # uses the artifact
    file=$(find_shared) || exit 0
    use "$file"
    echo placed
}
set_aside() { # lets a link to the artifact wait aside
    file=$(find_shared) || exit 0
    put "$aside" ln -s "$file"
    echo aside
}
load() { # imports images that wait aside; if the service does not run, it imports them itself when it starts
    if [ ! -L "$aside" ]; then exit 0; fi
    file=$(readlink "$aside")
    if import_images "${file%.images}" >&2; then put "$aside" ln -s "${file%.images}.images"; fi
    echo shared
}
swap() { # uses the artifact that waits aside
    if [ ! -L "$aside" ]; then exit 0; fi
    file=$(readlink "$aside")
    case $file in
        *.images) # they are in the store of the service: no file, so that it does not import them again
            rm -f "$path"
            rmdir "$(dirname "$path")" 2>/dev/null
            echo imported
            ;;
        *)
            use "$file"
            echo placed
            ;;
    esac
}
release() { # lets the images of other versions be removed
    file=$(find_shared) && release_images "$file" >&2
}
