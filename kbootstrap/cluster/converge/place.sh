# Copies what is unpacked of an artifact to its places on this machine, and prints "placed"; prints nothing where it is
# not there, or where a folder is in the place. Run as root; may run again. Needs sh, coreutils, grep.
# The caller sets, before this text: shared name sha256
umask 022
for sums in "$shared"/*/sums; do
    if ! grep -qxF "$sha256 $name" "$sums" 2>/dev/null; then continue; fi
    unpacked=${sums%/sums}
    while read -r _ place; do # a service may use that folder, or there is more in it
        if [ -d "$place" ] && [ ! -L "$place" ]; then exit 0; fi
    done < "$unpacked/$name.places"
    while read -r source place; do # each is there as a whole or not at all
        mkdir -p "$(dirname "$place")" && rm -rf "$place.part" && cp -a "$unpacked/$source" "$place.part" &&
            mv -fT "$place.part" "$place" || exit 1
    done < "$unpacked/$name.places"
    echo placed
    exit 0
done
