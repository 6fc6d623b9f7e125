# Unpacks a version of k3s as its service would: the programs, and the images into an image store of containerd.
# Runs as root on a machine of the same architecture; needs sh, coreutils, awk, zstd.
# The caller sets, before this text:
#   in    the folder that has the artifacts, under the vendor's names
#   out   an empty folder to fill
#   seen  the path of this folder on nodes
# For each artifact it writes `out/<artifact>`, the file itself, and `out/<artifact>.places`: lines of a path below
# `out`, and the path on a node to which it is copied. Nodes read the large files in place, through symbolic links:
# programs, layers and blobs of images. `out/<archive>.images` has lines of an image's name and its digest.
for program in "$in"/k3s*; do case $program in *.tar.zst) images=$program ;; *) break ;; esac done
for images in "$in"/k3s-airgap-images-*.tar.zst; do break; done
data=/var/lib/rancher/k3s

# Programs: k3s unpacks itself below its data folder when it is called, under a name that follows from its content.
# It also links to its network plugins from a folder that stays the same for all versions.
name=${program##*/}
install -m 755 "$program" "$out/$name"
K3S_DATA_DIR=$out "$out/$name" ctr --version >/dev/null
version=$(basename "$(readlink "$out/data/current")")
mkdir -p "$out/links/cni"
ln -s "$seen/$name" "$out/links/k3s"
ln -s "$seen/data/$version" "$out/links/$version"
ln -s "$data/data/$version" "$out/links/current"
for plugin in "$out"/data/cni/*; do
    if [ ! -L "$plugin" ]; then continue; fi # older versions have none
    ln -s "$data/data/$version/bin/cni" "$out/links/cni/${plugin##*/}"
    echo "links/cni/${plugin##*/} $data/data/cni/${plugin##*/}"
done > "$out/$name.places"
printf '%s\n' "links/current $data/data/current" "links/$version $data/data/$version" "links/k3s /usr/local/bin/k3s" \
    >> "$out/$name.places"

# Images: containerd of this version imports and unpacks them. kubelet does not remove pinned images. k3s has a label of
# its own for those that it pins, and ends that when it starts without their archive; so these have another label.
root=$out/containerd socket=/run/kbootstrap-unpack/containerd.sock
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' > "$out/containerd.toml"
PATH=$out/data/$version/bin:$PATH
containerd --config "$out/containerd.toml" --root "$root" --state /run/kbootstrap-unpack/state --address "$socket" \
    > "$out/containerd.log" 2>&1 &
server=$!
tries=0
until ctr --address "$socket" version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 $server; then cat "$out/containerd.log" >&2 && exit 1; fi
    sleep 0.1
done
zstd -dc "$images" | ctr --address "$socket" --namespace k8s.io images import --all-platforms - >/dev/null
for image in $(ctr --address "$socket" --namespace k8s.io images list --quiet); do
    ctr --address "$socket" --namespace k8s.io images label "$image" \
        io.kbootstrap.pinned=pinned io.cri-containerd.pinned=pinned >/dev/null
done
ctr --address "$socket" --namespace k8s.io images list | awk 'NR > 1 { print $1, $3 }' > "$out/${images##*/}.images"
[ -s "$out/${images##*/}.images" ]
kill $server
wait $server || :

# The store of a node: databases of its own, links to everything else.
layers=io.containerd.snapshotter.v1.overlayfs/snapshots blobs=io.containerd.content.v1.content/blobs/sha256
store=$out/store
mkdir -p "$store/$layers" "$store/$blobs"
cp -a "$root/io.containerd.metadata.v1.bolt" "$store/"
cp -a "$root/io.containerd.snapshotter.v1.overlayfs/metadata.db" "$store/${layers%/*}/"
for one in "$root/$layers"/*; do ln -s "$seen/containerd/$layers/${one##*/}" "$store/$layers/"; done
for one in "$root/$blobs"/*; do ln -s "$seen/containerd/$blobs/${one##*/}" "$store/$blobs/"; done
chmod 711 "$store"
chmod 700 "$store/${layers%/*}" "$store/$layers" "$store/io.containerd.metadata.v1.bolt"
printf '%s\n' "store $data/agent/containerd" > "$out/${images##*/}.places"
mv "$images" "$out/${images##*/}"
rm -f "$out/containerd.toml" "$out/containerd.log"
