# Prints facts about this machine, one a line: a word, then values. Changes nothing, prints no secret. Every command
# runs it on all machines, and what costs time here are processes: `read` reads what has a line, and one program is
# asked about many files.
# Needs sh, coreutils, grep, awk, and ports.sh and upkeep.sh before it; run as root. The caller sets, before this text:
#   others data server agent config join token agent_token server_token server_ca etcd binary stamp volumes snapshots
#   overlay updates
# volumes has a line for each extra volume: its name, its ID, the folder where it is mounted; others one for each
# other distribution: its name, a folder that it makes. programs, modules and folders are what a node of this
# distribution needs, divided by spaces. overlay is the interface of the pods' network between nodes, where a server
# is to try whether the others answer through it; the caller sets patience_overlay (seconds) too.
has() { [ -e "$1" ]; }
first_line() { # sets `line`
    line=''
    if has "$1"; then IFS= read -r line < "$1" || return 0; fi
}
eight='????????'
digits=$eight$eight$eight$eight$eight$eight$eight$eight # as a pattern
ca_hash() { # sets `hash` to the hash of the CA in a full token: K10, 64 hexadecimal digits, and more
    first_line "$1"
    hash=${line#K10}
    rest=${hash#$digits}
    case $line in K10*) hash=${hash%"$rest"} ;; *) hash='' ;; esac
    case $hash in *[!0-9a-f]*) hash='' ;; esac
}
existing() { # sets `folder` to the folder, or to the nearest one above it that exists
    folder=$1
    while [ ! -d "$folder" ]; do folder=${folder%/*} && folder=${folder:-/}; done
}
contents() { # the SHA-256 of these files, and the text of ours
    sha256sum "$@" 2>/dev/null | awk '{ print "file", $1, $2 }'
    for path; do
        first_line "$path"
        case $line in
            '# Written by kbootstrap '*)
                printf 'text '
                head -c 65536 "$path" | base64 -w 0
                echo " $path"
                ;;
        esac
    done
}
certificates() { # the first one of each file: others are those of its signers, and keys are never printed
    for path in "$data"/server/tls/*.crt "$data"/server/tls/etcd/*.crt "$data"/agent/*.crt; do
        if [ -s "$path" ]; then set -- "$@" "$path"; fi
    done
    [ $# -gt 0 ] || return 0
    awk -v base="$data/" '
        FNR == 1 { begun = ended = 0; name = substr(FILENAME, length(base) + 1) }
        ended { next }
        begun && /^-----END/ { print "certificate", name, text; ended = 1 }
        begun { text = text $0 }
        /^-----BEGIN CERTIFICATE-----/ { begun = 1; text = "" }' "$@"
}
token_mark() { # which token it is: the beginning of the SHA-256 of its password
    case $2 in K10*::*:*) set -- "$1" "${2#*::}" && set -- "$1" "${2#*:}" ;; esac
    if [ -n "$2" ]; then printf 'token-mark %s %.12s\n' "$1" "$(printf %s "$2" | sha256sum)"; fi
}
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
    if has "/sys/module/$1" || ! has "/lib/modules/$release/modules.dep"; then return 1; fi
    command -v modprobe >/dev/null && ! modprobe -n -q "$1" 2>/dev/null
}
mounts() { # of each of `folders`, which of the mount options ro and noexec its file system has
    for one in $folders; do existing "$one" && cd -P "$folder" && set -- "$@" "$PWD"; done
    cd / || return 0
    [ $# -gt 0 ] || return 0
    printf '%s\n' "$@" | awk -v names="$folders" '
        NR == FNR { path[NR] = ($0 == "/" ? "" : $0) "/"; count = NR; next }
        { place = $5; gsub(/\\040/, " ", place); if (place != "/") place = place "/"
          for (i = 1; i <= count; i++)
              if (index(path[i], place) == 1 && length(place) >= best[i]) {
                  best[i] = length(place); options[i] = "," $6 "," $NF ","
              } }
        END {
            split(names, name, " ")
            for (i = 1; i <= count; i++)
                print "mount", name[i] (options[i] ~ /,ro,/ ? " ro" : "") (options[i] ~ /,noexec,/ ? " noexec" : "")
        }' - /proc/self/mountinfo
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
first_line /proc/uptime
echo "uptime ${line%%.*}"
set -- $(uname -n -r -m)
release=$2
echo "hostname $1"
echo "arch $3"
echo "os $(. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME")"
echo "cpus $(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 0)"
awk '/^MemTotal:/ { print "memory", int($2 / 1024) } /^SwapTotal:/ { print "swap", int($2 / 1024) }' /proc/meminfo
existing "$data" && set -- "$folder"
existing "${binary%/*}" && set -- "$1" "$folder"
df -Pk "$@" 2>/dev/null | awk 'NR > 1 { print NR == 2 ? "disk-data" : "disk-binary", int($4 / 1024) }'
if [ -d /run/systemd/system ]; then echo "systemd yes"; else echo "systemd no"; fi
first_line /sys/fs/cgroup/cgroup.controllers
case " $line " in
    *' memory '*) echo "cgroup-memory yes" ;;
    *)
        if awk '$1 == "memory" && $4 == 1 { found = 1 } END { exit !found }' /proc/cgroups 2>/dev/null; then
            echo "cgroup-memory yes"
        else
            echo "cgroup-memory no"
        fi
        ;;
esac
if has /sys/fs/cgroup/cgroup.controllers; then echo "cgroups $line"; fi
path=$PATH found=''
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin # of services
for one in $programs; do if command -v "$one" >/dev/null; then found="$found$one "; fi; done
PATH=$path
echo "programs $found"
for one in $modules; do if lacks_module "$one"; then echo "lacks-module $one"; fi; done
mounts
set -- $(ports)
echo "listening $*"
if awk '$2 == "00000000" { found = 1 } END { exit !found }' /proc/net/route 2>/dev/null ||
    awk '$1 ~ /^0+$/ && $2 == "00" && $10 != "lo" { found = 1 } END { exit !found }' /proc/net/ipv6_route 2>/dev/null; then
    echo "default-route yes"
else
    echo "default-route no"
fi
awk '$2 == "00000000" && $8 == "00000000" { print "default-interface", $1; exit }' /proc/net/route 2>/dev/null
ip -o addr show scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print "address", $2, $4 }'
systemctl show -p LoadState -p ActiveState -p SubState -p UnitFileState -p NRestarts -p ExecMainStartTimestampMonotonic \
    "$server" "$agent" 2>/dev/null |
    awk -v names="$server $agent" '
        BEGIN { RS = ""; split(names, name, " ") }
        { gsub(/\n/, " "); print "unit", name[NR], $0 }'

# Whether other nodes answer through the network of the pods: each has a route to the overlay's address of every
# other one, and every kubelet listens on all addresses of its node. A refusal is an answer as well.
if [ -n "$overlay" ] && command -v bash >/dev/null && systemctl is-active -q "$server"; then
    peers=$(awk -v link="$overlay" '
        function byte(hex) { return 16 * (index(d, substr(hex, 1, 1)) - 1) + index(d, substr(hex, 2, 1)) - 1 }
        BEGIN { d = "0123456789ABCDEF" }
        $1 == link && $3 != "00000000" && !seen[$3]++ {
            print byte(substr($3, 7)) "." byte(substr($3, 5)) "." byte(substr($3, 3)) "." byte($3)
        }' /proc/net/route)
    answering() { # those of the addresses on which a kubelet answers within the patience
        xargs -r -n 64 -P 8 timeout "$patience_overlay" bash --norc -c '
            for one; do
                {
                    said=$({ exec 3<>"/dev/tcp/$one/10250"; } 2>&1)
                    case "$? $said" in "0 "* | *refused*) echo "$one" ;; esac
                } &
            done
            wait' bash | tr '\n' ' '
    }
    there=" $(echo "$peers" | answering)" silent=''
    for one in $peers; do case $there in *" $one "*) ;; *) silent="$silent $one" ;; esac; done
    if [ -n "$silent" ]; then there="$there$(echo "$silent" | answering)"; fi
    for one in $peers; do
        case $there in *" $one "*) echo "overlay $one yes" ;; *) echo "overlay $one no" ;; esac
    done
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
    set --
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
            file) if has "$first"; then set -- "$@" "$first"; fi ;;
        esac
    done < "$stamp"
    if [ $# -gt 0 ]; then contents "$@"; fi
fi
if has /var/lib/kbootstrap/left; then echo "left yes"; fi
if has /run/kbootstrap/restart; then echo "restart-pending yes"; fi
if has /var/lib/kbootstrap/restore; then first_line /var/lib/kbootstrap/restore && echo "restoring $line"; fi

# The run that changes the cluster at this moment (lease.sh).
if has /run/kbootstrap/lease; then
    sed 's/^/lease /' /run/kbootstrap/lease
    first_line /proc/uptime
    echo "lease now ${line%%.*}"
fi

certificates

newest=$(ls -1t "$snapshots" 2>/dev/null | grep -v '[.]part$' | head -n 1) # a part is being written
if [ -n "$newest" ]; then echo "snapshot $(stat -c '%s %Y' "$snapshots/$newest" 2>/dev/null) $newest"; fi

if [ -n "$volumes" ]; then
    echo "$volumes" | while read -r one id folder; do volume "$one" "$id" "$folder"; done
fi

if has "$etcd"; then echo "etcd yes"; fi
ca_hash "$server_token"
id=$hash
if [ -z "$id" ] && has "$server_ca"; then id=$(sha256sum < "$server_ca") && id=${id%% *}; fi
if [ -n "$id" ]; then echo "cluster-id $id"; fi
ca_hash "$token"
if [ -n "$hash" ]; then echo "token full $hash"; elif [ -s "$token" ]; then echo "token short"; fi
if [ -s "$agent_token" ]; then echo "agent-token yes"; fi
first_line "$token" && token_mark own "$line"
first_line "$agent_token" && token_mark agents "$line"
first_line "$server_token" && token_mark accepted "$line"
next=/var/lib/kbootstrap/next-tokens # rotate.py
if has "$next"; then
    token_mark next "$(sed -n 's/^server //p' "$next")"
    token_mark next_agents "$(sed -n 's/^agent //p' "$next")"
fi
if [ -s /etc/rancher/node/password ]; then echo "node-password yes"; fi
upkeep "$updates"
echo "end kbootstrap-facts-1"
