# Functions for images that unpack.sh has unpacked, on a node whose service runs, maybe in another version.
# The argument is the path of the archive in the shared folder. Run as root; needs sh, coreutils, awk, grep, zstd.
ctr() { /usr/local/bin/k3s ctr --connect-timeout 5s --namespace k8s.io "$@"; }

# Imports the images, unless the store has all of them, and pins them like unpack.sh. Fails if the service does not run.
import_images() {
    known=$(ctr images check) || [ -n "$known" ] || return 1 # it also fails if the content of any image is incomplete
    missing=$(echo "$known" | awk '
        NR == FNR { wanted[$1 " " $2]; next }
        $4 == "complete" && $NF == "true" { delete wanted[$1 " " $3] }
        END { for (one in wanted) print one }' "$1.images" -)
    if [ -n "$missing" ]; then
        zstd -dc "$1" | ctr images import --all-platforms - >/dev/null || return 1
    fi
    pinned=$(ctr images list --quiet 'labels."io.kbootstrap.pinned"==pinned') || return 1
    while read -r image _; do
        if echo "$pinned" | grep -qxF "$image"; then continue; fi
        ctr images label "$image" io.kbootstrap.pinned=pinned io.cri-containerd.pinned=pinned \
            < /dev/null > /dev/null || return 1
    done < "$1.images"
}

# Ends the pinning of other images: of those that unpack.sh and this file have pinned, and of those that k3s has pinned.
# k3s pins its own again when it starts.
release_images() {
    ctr images list --quiet 'labels."io.kbootstrap.pinned"==pinned' 'labels."io.cattle.k3s.pinned"==pinned' |
        while read -r image; do
            if cut -d ' ' -f 1 "$1.images" | grep -qxF "$image"; then continue; fi
            ctr images label "$image" io.kbootstrap.pinned= io.cattle.k3s.pinned= io.cri-containerd.pinned= \
                < /dev/null > /dev/null
        done
}
