# Prints facts about this machine, one a line: a word, then values. Changes nothing, prints no secret.
# Needs sh, coreutils, grep, awk, and ports.sh and upkeep.sh before it; run as root. The caller sets, before this text:
#   others data server agent config join token agent_token server_token server_ca etcd binary stamp volumes snapshots
#   overlay updates
# volumes has a line for each extra volume: its name, its ID, the folder where it is mounted; others one for each
# other distribution: its name, a folder that it makes. programs, modules and folders are what a node of this
# distribution needs, divided by spaces. overlay is the interface of the pods' network between nodes, where a server
# is to try whether the others answer through it; the caller sets patience_overlay (seconds) too.
has() { [ -e "$1" ]; }
ca_hash() { head -c 67 "$1" 2>/dev/null | grep -Eo '^K10[0-9a-f]{64}$' | cut -c4-; }
space() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }'
}
unit() {
    systemctl show -p LoadState -p ActiveState -p SubState -p UnitFileState -p NRestarts -p ExecMainStartTimestampMonotonic "$1" 2>/dev/null |
        tr '\n' ' '
}
content() {
    has "$1" || return 0
    echo "file $(sha256sum < "$1" | cut -c1-64) $1"
    if head -n 1 "$1" | grep -q '^# Written by kbootstrap '; then
        echo "text $(head -c 65536 "$1" | base64 | tr -d '\n') $1"
    fi
}
first_certificate() { # its own: others in the file are those of its signers, and keys are never printed
    awk 'begun && /^-----END/ { exit } begun { printf "%s", $0 } /^-----BEGIN CERTIFICATE-----/ { begun = 1 }' "$1"
}
token_mark() { # which token it is: the beginning of the SHA-256 of its password
    case $2 in K10*::*:*) set -- "$1" "${2#*::}" && set -- "$1" "${2#*:}" ;; esac
    if [ -n "$2" ]; then echo "token-mark $1 $(printf %s "$2" | sha256sum | cut -c1-12)"; fi
}
first_line() { if has "$1"; then head -n 1 "$1"; fi; }
disk_of() { # a volume's ID, or its beginning: virtio has room for 20 characters, SCSI for all of them
    for place in /dev/disk/by-id/*"$1"*; do
        case $place in
            *-part[0-9]*) ;;
            *) if [ -b "$place" ]; then echo "$place" && return; fi ;;
        esac
    done
}
signature() { # what is on a disk: blkid says 2 for nothing, and also for a disk that it cannot read
    found=$(blkid -p -o export "$1" 2>/dev/null)
    case $? in
        0) echo "$found" | awk -F= '/^(PT)?TYPE=/ { kind = $2 } /^TYPE=/ { exit } END { print kind ? kind : "other" }' ;;
        2) if head -c 1048576 "$1" >/dev/null 2>&1; then echo none; else echo unknown; fi ;;
        *) echo unknown ;;
    esac
}
lacks_module() { # only where that is known: not in a container, whose kernel is another machine's
    if has "/sys/module/$1" || ! has "/lib/modules/$(uname -r)/modules.dep"; then return 1; fi
    command -v modprobe >/dev/null && ! modprobe -n -q "$1" 2>/dev/null
}
refusals() { # which of the mount options ro and noexec the file system of a folder has
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    folder=$(readlink -f "$folder")
    awk -v path="${folder%/}/" '
        { place = $5; gsub(/\\040/, " ", place); if (place != "/") place = place "/" }
        index(path, place) == 1 && length(place) >= best { best = length(place); options = $6 "," $NF }
        END {
            count = split(options, list, ",")
            for (i = 1; i <= count; i++) if (list[i] == "ro" || list[i] == "noexec") found[list[i]] = 1
            for (one in found) printf " %s", one
        }' /proc/self/mountinfo
}
patience=10
volume() { # name, ID, folder
    begins=$(printf %.20s "$2")
    link=$(disk_of "$begins")
    while [ -z "$link" ] && [ $patience -gt 0 ]; do # one that was attached just now
        patience=$((patience - 1))
        sleep 1
        link=$(disk_of "$begins")
    done
    mounted=no filled=no bytes='' kind='' size='' elsewhere=''
    if [ -n "$link" ]; then
        bytes=$(blockdev --getsize64 "$link" 2>/dev/null)
        kind=$(signature "$link")
        if [ "$kind" = ext4 ]; then
            size=$(dumpe2fs -h "$link" 2>/dev/null |
                awk -F: '/^Block count/ { count = $2 } /^Block size/ { size = $2 } END { printf "%.0f", count * size }')
        fi
        numbers=$(mountpoint -x "$link" 2>/dev/null)
        elsewhere=$(awk -v disk="$numbers" '$3 == disk && $4 == "/" { print $5; exit }' /proc/self/mountinfo)
    fi
    if mountpoint -q "$3" 2>/dev/null; then
        if [ -n "$link" ] && [ "$(mountpoint -d "$3")" = "$numbers" ]; then mounted=yes; else mounted=other; fi
    elif [ -n "$(ls -A "$3" 2>/dev/null)" ]; then
        filled=yes
    fi
    echo "volume $1 link=$link bytes=$bytes kind=$kind size=$size mounted=$mounted filled=$filled elsewhere=$elsewhere"
}

echo "begin kbootstrap-facts-1"
echo "epoch $(date +%s)"
echo "uptime $(cut -d. -f1 /proc/uptime)"
echo "arch $(uname -m)"
echo "hostname $(uname -n)"
echo "os $(. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME")"
echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 0)"
awk '/^MemTotal:/ { print "memory", int($2 / 1024) } /^SwapTotal:/ { print "swap", int($2 / 1024) }' /proc/meminfo
echo "disk-data $(space "$data")"
echo "disk-binary $(space "$(dirname "$binary")")"
if [ -d /run/systemd/system ]; then echo "systemd yes"; else echo "systemd no"; fi
if grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null ||
    awk '$1 == "memory" && $4 == 1 { found = 1 } END { exit !found }' /proc/cgroups 2>/dev/null; then
    echo "cgroup-memory yes"
else
    echo "cgroup-memory no"
fi
if has /sys/fs/cgroup/cgroup.controllers; then echo "cgroups $(cat /sys/fs/cgroup/cgroup.controllers)"; fi
echo "programs $(
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # of services
    for one in $programs; do if command -v "$one" >/dev/null; then echo "$one"; fi; done | tr '\n' ' '
)"
for one in $modules; do if lacks_module "$one"; then echo "lacks-module $one"; fi; done
for one in $folders; do echo "mount $one$(refusals "$one")"; done
echo "listening $(ports | tr '\n' ' ')"
if awk '$2 == "00000000" { found = 1 } END { exit !found }' /proc/net/route 2>/dev/null ||
    awk '$1 ~ /^0+$/ && $2 == "00" && $10 != "lo" { found = 1 } END { exit !found }' /proc/net/ipv6_route 2>/dev/null; then
    echo "default-route yes"
else
    echo "default-route no"
fi
awk '$2 == "00000000" && $8 == "00000000" { print "default-interface", $1; exit }' /proc/net/route 2>/dev/null
ip -o addr show scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print "address", $2, $4 }'
echo "unit $server $(unit "$server")"
echo "unit $agent $(unit "$agent")"

# Whether other nodes answer through the network of the pods: each has a route to the overlay's address of every
# other one, and every kubelet listens on all addresses of its node. A refusal is an answer as well.
if [ -n "$overlay" ] && command -v bash >/dev/null && systemctl is-active -q "$server"; then
    awk -v link="$overlay" '$1 == link && $3 != "00000000" { print $3 }' /proc/net/route | sort -u |
        sed 's/\(..\)\(..\)\(..\)\(..\)/0x\4 0x\3 0x\2 0x\1/' | while read -r a b c d; do
        printf '%d.%d.%d.%d\n' "$a" "$b" "$c" "$d"
    done | xargs -r -n 1 -P 64 env patience="$patience_overlay" sh -c '
        for try in 1 2; do
            said=$(timeout "$patience" bash --norc -c "exec 3<>/dev/tcp/$1/10250" 2>&1)
            case "$? $said" in "0 "* | *refused*) echo "overlay $1 yes" && exit ;; esac
        done
        echo "overlay $1 no"' sh
fi

# What is there of this distribution, also where kbootstrap did not install it; and of others.
for path in "$binary" "$config" "$etcd" "$data/agent"; do
    if has "$path"; then echo "trace $path"; fi
done
echo "$others" | while read -r other folder; do
    if [ -n "$folder" ] && has "$folder"; then echo "other $other"; fi
done
if has /etc/kubernetes/kubelet.conf; then echo "other kubeadm"; fi
if has /var/snap/microk8s; then echo "other microk8s"; fi
if has /etc/k0s; then echo "other k0s"; fi

# Our own record, and whether the files that it names are still as they were.
if has "$stamp"; then
    while read -r kind first second third path; do
        case $kind in
            cluster) echo "claimed $first" ;;
            artifact)
                size=$(stat -L -c %s "$path" 2>/dev/null || echo 0)
                case $second in # images that are in the store of the container runtime have no file
                    "$size") intact=yes ;;
                    unpacked) if has "$data/agent/containerd"; then intact=yes; else intact=no; fi ;;
                    *) intact=no ;;
                esac
                echo "artifact $first $third $intact $path"
                ;;
            file) content "$first" ;;
        esac
    done < "$stamp"
fi
if has /var/lib/kbootstrap/left; then echo "left yes"; fi
if has /run/kbootstrap/restart; then echo "restart-pending yes"; fi
if has /var/lib/kbootstrap/restore; then echo "restoring $(head -n 1 /var/lib/kbootstrap/restore)"; fi

# The run that changes the cluster at this moment (lease.sh).
if has /run/kbootstrap/lease; then
    sed 's/^/lease /' /run/kbootstrap/lease
    echo "lease now $(cut -d. -f1 /proc/uptime)"
fi

for file in "$data"/server/tls/*.crt "$data"/server/tls/etcd/*.crt "$data"/agent/*.crt; do
    if has "$file"; then echo "certificate ${file#"$data"/} $(first_certificate "$file")"; fi
done

newest=$(ls -1t "$snapshots" 2>/dev/null | grep -v '[.]part$' | head -n 1) # a part is being written
if [ -n "$newest" ]; then echo "snapshot $(stat -c '%s %Y' "$snapshots/$newest" 2>/dev/null) $newest"; fi

if [ -n "$volumes" ]; then
    echo "$volumes" | while read -r one id folder; do volume "$one" "$id" "$folder"; done
fi

if has "$etcd"; then echo "etcd yes"; fi
id=$(ca_hash "$server_token")
if [ -z "$id" ] && has "$server_ca"; then id=$(sha256sum < "$server_ca" | cut -c1-64); fi
if [ -n "$id" ]; then echo "cluster-id $id"; fi
ca=$(ca_hash "$token")
if [ -n "$ca" ]; then echo "token full $ca"; elif [ -s "$token" ]; then echo "token short"; fi
if [ -s "$agent_token" ]; then echo "agent-token yes"; fi
token_mark own "$(first_line "$token")"
token_mark agents "$(first_line "$agent_token")"
token_mark accepted "$(first_line "$server_token")"
next=/var/lib/kbootstrap/next-tokens # rotate.py
if has "$next"; then
    token_mark next "$(sed -n 's/^server //p' "$next")"
    token_mark next_agents "$(sed -n 's/^agent //p' "$next")"
fi
if [ -s /etc/rancher/node/password ]; then echo "node-password yes"; fi
upkeep "$updates"
echo "end kbootstrap-facts-1"
