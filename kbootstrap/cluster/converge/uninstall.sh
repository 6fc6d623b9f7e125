# Takes Kubernetes off this machine. Needs sh, coreutils, grep, awk, systemd; ip where the network is to be
# cleaned; sweep.sh before it. Run as root; may be cut at any point and run again. The caller sets, before this text:
#   name cluster data config token agent_token kubeconfig binary stamp units run belongings volatile
# and of the network of the pods (lists are divided by spaces, expressions are extended ones):
#   programs bridge first links globs theirs sets folders
# The last line says what became of the machine; status 1 with a reason on stderr when something stays.
done_with() { echo "kbootstrap-uninstall $1" && exit 0; }
failed() { echo "$1" >&2 && exit 1; }

# Whose machine is this? Only what our stamp says to be ours is touched.
claim=$(awk '$1 == "cluster" { print $2; exit }' "$stamp" 2>/dev/null)
if [ -z "$claim" ]; then
    for path in "$binary" "$config" "$data/agent" "$data/server"; do
        if [ -e "$path" ]; then done_with foreign; fi
    done
    done_with unprovisioned
fi
if [ -n "$cluster" ] && [ "$claim" != "$cluster" ]; then done_with foreign; fi

# Interfaces of the pods' network without which its programs must end: else the machine may lose its own network.
PATH=$PATH:$programs
for link in $first; do
    if [ -e "/sys/class/net/$link" ]; then ip link delete "$link" 2>/dev/null; fi
done

# The services. They leave their containers running, on purpose.
for unit in $units; do
    [ "$(systemctl show -p LoadState --value "$unit" 2>/dev/null)" = loaded ] || continue
    systemctl disable --quiet "$unit" 2>/dev/null
    timeout 60 systemctl stop "$unit" 2>/dev/null || systemctl kill --signal=KILL "$unit" 2>/dev/null
done

# Programs that were unpacked below the data folder (k3s, containerd, its shims), and all that they started:
# each container is a child of its shim. One whose shim is gone already is known by its cgroup.
ours() {
    if ! grep -q :/kubepods /proc/self/cgroup; then # else this machine is a pod itself
        grep -ls :/kubepods /proc/[0-9]*/cgroup | cut -d/ -f3
    fi
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" 2>/dev/null) in
            "$data"/* | "$binary" | "$binary (deleted)") ;;
            *) continue ;;
        esac
        # The same path in another mount namespace belongs to a node in a container.
        if [ "$(readlink "$process/ns/mnt")" = "$space" ]; then echo "${process#/proc/}"; fi
    done
}
space=$(readlink /proc/1/ns/mnt)
round=0
while found=$(ours) && [ -n "$found" ]; do
    round=$((round + 1))
    if [ $round -gt 50 ]; then failed "processes of $name do not end: $(echo $found)"; fi
    # Processes end while they are read: what cat found is enough.
    snapshot=$(for process in /proc/[0-9]*; do
        line=$(cat "$process/stat" 2>/dev/null) && echo "${process#/proc/} $(echo "${line##*) }" | cut -d' ' -f2)"
    done)
    doomed=$(echo "$snapshot" | awk -v roots="$(echo $found)" '
        BEGIN { count = split(roots, list, " "); for (i = 1; i <= count; i++) wanted[list[i]] = 1 }
        { parent[$1] = $2 }
        END {
            do {
                more = 0
                for (one in parent) if (!(one in wanted) && (parent[one] in wanted)) { wanted[one] = 1; more = 1 }
            } while (more)
            for (one in wanted) if (one > 1) print one
        }')
    for one in $doomed; do kill -KILL "$one" 2>/dev/null; done
    sleep 0.2
done

# What they mounted, the innermost first. Mounts of anybody else below these folders do not exist.
mounts() {
    awk -v run="$run" -v data="$data" -v folders="$folders" '
        BEGIN { count = split(folders, list, " ") }
        { place = $5; gsub(/\\040/, " ", place) }
        { for (i = 1; i <= count; i++) if (index(place, list[i] "/") == 1) { print place; next } }
        index(place, run "/") == 1 || index(place, data "/agent/") == 1 ||
        index(place, "/var/lib/kubelet/") == 1 || index(place, "/run/netns/cni-") == 1 ||
        index(place, "/var/run/netns/cni-") == 1 { print place }' /proc/self/mountinfo | sort -r
}
round=0
while [ -n "$(mounts)" ]; do
    round=$((round + 1))
    if [ $round -gt 5 ]; then failed "still mounted: $(mounts | tr '\n' ' ')"; fi
    mounts | while read -r place; do
        umount "$place" 2>/dev/null || umount -l "$place" 2>/dev/null
    done
done

# The network of the pods.
interfaces() { # those that are there, of all that it makes
    for link in $links; do
        if [ -e "/sys/class/net/$link" ]; then echo "$link"; fi
    done
    set -f # the patterns are for that folder only
    for glob in $globs; do
        set +f
        for link in /sys/class/net/$glob; do
            if [ -e "$link" ]; then echo "${link##*/}"; fi
        done
    done
    set +f
}
if command -v ip >/dev/null; then
    for place in /run/netns/cni-*; do
        if [ -e "$place" ]; then ip netns delete "${place##*/}" 2>/dev/null || rm -f "$place"; fi
    done
    [ -z "$bridge" ] || ip -o link show master "$bridge" 2>/dev/null | awk -F': ' '{ sub(/@.*/, "", $2); print $2 }' |
        while read -r link; do ip link delete "$link" 2>/dev/null; done
    for link in $(interfaces); do ip link delete "$link" 2>/dev/null; done
fi
for link in $(interfaces); do failed "the interface $link stays: ip link delete $link"; done
for kind in iptables ip6tables; do
    for flavour in "$kind" "$kind-nft" "$kind-legacy"; do
        command -v "$flavour-save" >/dev/null && command -v "$flavour-restore" >/dev/null || continue
        rules=$("$flavour-save" 2>/dev/null) || continue
        if echo "$rules" | grep -Eq -e "$theirs"; then
            echo "$rules" | grep -Ev -e "$theirs" | "$flavour-restore" || failed "$flavour-restore failed"
        fi
    done
done
if command -v ipset >/dev/null; then
    ipset list -name 2>/dev/null | grep -E -e "$sets" |
        while read -r set; do ipset destroy "$set" 2>/dev/null; done
fi

# Files. What makes this machine a member goes first and in one step: one that was cut is no half member.
if [ -d "$data/server" ]; then
    rm -rf --one-file-system "$data/removed"
    mv "$data/server" "$data/removed" || failed "$data/server cannot be moved"
fi
rm -f /etc/rancher/node/password
mounted() { # whether something is mounted there: the folder stays then, and so does what is on the mount
    awk -v path="$1" '$5 == path || index($5, path "/") == 1 { found = 1 } END { exit !found }' /proc/self/mountinfo
}
while read -r kind first _ _ path; do
    case $kind in
        file) rm -f -- "$first" ;;
        artifact) rm -f -- "$path" ;;
    esac
done < "$stamp"
# Configuration of the distribution that was there before we came stays.
rm -f "$binary" "$token" "$agent_token" "$kubeconfig"
for path in "$data" /etc/rancher/node /var/lib/kubelet "$run" $belongings $folders \
    /var/log/pods /var/log/containers; do
    if [ -e "$path" ] && ! why=$(rm -rf --one-file-system "$path" 2>&1); then
        mounted "$path" || failed "$why"
    fi
done
for path in "$data/agent" "$data/removed" "$config"; do
    if [ -e "$path" ]; then failed "$path cannot be removed"; fi
done
etc=$(dirname "$config")
rmdir "$config.d" "$etc" /etc/rancher /var/lib/rancher 2>/dev/null
systemctl daemon-reload
for unit in $units; do systemctl reset-failed "$unit" 2>/dev/null; done
sweep_run "$volatile"
rm -f "$(dirname "$stamp")/next-tokens" "$(dirname "$stamp")"/tokens-until-*
rm -rf "$(dirname "$stamp")/next" "$(dirname "$stamp")/left"
rm -f "$stamp" "$stamp.lock" "$stamp.new"
rmdir "$(dirname "$stamp")" 2>/dev/null
done_with removed
