# Prints facts for audits of this node, one a line: a word, then values. Changes nothing, prints no key and no token.
# Needs sh, coreutils, grep, awk, and upkeep.sh before it; run as root, in the language C. The caller sets, before this text:
#   unit source data components patterns texts kernel options
# source is where components have their arguments: journal (of the unit, which logs them) or processes. patterns are
# files to look at, one a line, with wildcards; texts are files to print; kernel and options are settings of the kernel
# and of sshd, divided by spaces. What cannot be read is a line `unread`, with what it is and why.
unread() { echo "unread $1 $2"; }
limit=65536 # bytes of a text

from_journal() { # of the process that runs now; it logs the arguments when it starts
    id=$(systemctl show -p InvocationID "$unit" 2>/dev/null | cut -d= -f2)
    pid=$(systemctl show -p MainPID "$unit" 2>/dev/null | cut -d= -f2) # in containers, the journal may have no invocation
    if [ -z "$pid" ] || ! systemctl is-active -q "$unit"; then
        for one in $components; do unread "$one" "$unit does not run"; done
        return
    fi
    timeout 60 journalctl -q -b -o cat "_SYSTEMD_INVOCATION_ID=$id" + "_SYSTEMD_UNIT=$unit" "_PID=$pid" 2>/dev/null |
        awk -v names="$components" -v most=30000 '
        BEGIN { count = split(names, list, " "); left = count }
        {
            for (i = 1; i <= count; i++) {
                mark = "msg=\"Running " list[i] " "
                at = index($0, mark)
                if (!at || (list[i] in seen)) continue
                seen[list[i]] = 1
                text = substr($0, at + length(mark))
                sub(/"$/, "", text)
                gsub(/\\"/, "\"", text)
                print "component " list[i]
                many = split(text, words, " ")
                for (w = 1; w <= many; w++) print "argument " list[i] " " words[w]
                left--
            }
        }
        !left || NR >= most { exit }
        END {
            for (i = 1; i <= count; i++)
                if (!(list[i] in seen)) print "unread " list[i] " the journal no longer has its start"
        }'
}
from_processes() { # of this node: pods may have programs of the same names, but not with files of this folder
    found=' ' short=' '
    for one in $components; do short="$short$(printf %.15s "$one") "; done # the kernel keeps so much of a name
    for place in /proc/[0-9]*; do
        name=''
        { read -r name < "$place/comm"; } 2>/dev/null
        case $short in *" $name "*) ;; *) continue ;; esac
        for one in $components; do
            case $one in "$name"*) ;; *) continue ;; esac
            case $found in *" $one "*) continue ;; esac
            words=$(cat "$place/cmdline" 2>/dev/null | tr '\0' '\n')
            case $words in *"$data/"*) ;; *) continue ;; esac
            found="$found$one "
            echo "component $one"
            printf '%s\n' "$words" | tail -n +2 | sed "s/^/argument $one /"
        done
    done
    for one in $components; do
        case $found in *" $one "*) ;; *) unread "$one" 'there is no such process' ;; esac
    done
}
text() { # a file without secrets
    if [ ! -f "$1" ]; then return; fi
    if [ "$(wc -c < "$1")" -gt $limit ]; then unread "$1" 'it is too long'; return; fi
    echo "text $(base64 < "$1" | tr -d '\n') $1"
}
argument() { # component, name: the last value
    printf '%s\n' "$said" | sed -n "s/^argument $1 --$2=//p" | tail -n 1
}
files() {
    number=0
    printf '%s\n' "$patterns" | while read -r pattern; do
        [ -n "$pattern" ] || continue
        for one in $pattern; do
            if [ -e "$one" ]; then
                stat -L -c "file $number %a %U:%G %n" "$one" 2>/dev/null || echo "refused $number $one"
            fi
        done
        number=$((number + 1))
    done
}
settings() {
    for one in $kernel; do
        file=/proc/sys/$(echo "$one" | tr . /)
        if [ -r "$file" ]; then echo "kernel $one $(tr '\t' ' ' < "$file")"; fi
    done
    file=/proc/sys/net/ipv4/ip_local_port_range
    if [ -r "$file" ]; then echo "client-ports $(cut -f1 "$file")"; fi
    if [ -r /proc/swaps ]; then echo "swap $(awk 'NR > 1 { print $1 }' /proc/swaps | tr '\n' ' ')"; else unread swap '/proc/swaps cannot be read'; fi
}
server() { # the effective settings of sshd
    if ! command -v sshd >/dev/null; then unread sshd 'there is no program sshd'; return; fi
    if answer=$(sshd -T 2>&1); then
        printf '%s\n' "$answer" | awk -v names="$options" '
            BEGIN { count = split(names, list, " "); for (i = 1; i <= count; i++) wanted[list[i]] = 1 }
            tolower($1) in wanted { $1 = "sshd " tolower($1); print }'
    else
        unread sshd "sshd -T: $(printf '%s\n' "$answer" | tail -n 1)"
    fi
}
clock() { # systemd asks the kernel, whatever program sets it
    answer=$(timeout 10 timedatectl show -p NTPSynchronized 2>/dev/null | cut -d= -f2)
    if [ -z "$answer" ]; then
        case $(timeout 10 chronyc -n tracking 2>/dev/null) in
            *'Leap status'*'Not synchronised'*) answer=no ;;
            *'Leap status'*'Normal'*) answer=yes ;;
            *) if [ -e /run/systemd/timesync/synchronized ]; then answer=yes; fi ;;
        esac
    fi
    case $answer in
        yes | no) echo "synchronized $answer" ;;
        *) unread clock 'neither timedatectl nor chronyc answers' ;;
    esac
}
updates() { # what the package manager knows already; nothing is fetched, no cache is written
    if command -v apt-get >/dev/null; then
        if ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then unread updates 'apt has no package lists'; return; fi
        since=$(lists_age)
        answer=$(apt_plan) || { unread updates 'apt-get cannot plan an upgrade'; return; }
        names=$(printf '%s\n' "$answer" | security_updates)
    elif command -v dnf >/dev/null; then
        since=$(age /var/cache/dnf/*.solv /var/cache/dnf/*/repodata /var/cache/libdnf5/*/repodata)
        answer=$(timeout 60 dnf -q -C updateinfo list --security 2>/dev/null) ||
            { unread updates 'dnf cannot list advisories from its cache'; return; }
        names=$(printf '%s\n' "$answer" | awk '/[A-Za-z]+-[0-9]+[:-][0-9]+/ && NF >= 3 { print $3 }')
    elif command -v zypper >/dev/null; then
        since=$(age /var/cache/zypp/solv/*/solv)
        answer=$(timeout 60 zypper -q --non-interactive --no-refresh list-patches --category security 2>/dev/null) ||
            { unread updates 'zypper cannot list patches from its cache'; return; }
        names=$(printf '%s\n' "$answer" | awk -F'|' 'tolower($0) ~ /\| *needed *\|/ { gsub(/ /, "", $2); print $2 }')
    else
        unread updates 'there is no apt-get, dnf or zypper'
        return
    fi
    if [ -z "$since" ]; then unread updates 'the age of the package lists is not known'; return; fi
    echo "updates $since"
    printf '%s\n' "$names" | awk 'NF && !seen[$1]++ { print "update", $1 }'
}
sockets() { # protocol, address and port (hexadecimal, as proc(5) has them), inode
    for kind in tcp tcp6 udp udp6; do
        awk -v kind="$kind" -v state="$(case $kind in tcp*) echo 0A ;; *) echo 07 ;; esac)" '
            NR > 1 && $4 == state { split($2, at, ":"); print "socket", kind, at[1], at[2], $10 }' "/proc/net/$kind" 2>/dev/null
    done
}
owners() { # the process of each inode
    ls -ln /proc/[0-9]*/fd 2>/dev/null | awk '
        /^\/proc\// { split($1, part, "/"); pid = part[3] }
        match($0, /socket:\[[0-9]+\]/) { print "owner", substr($0, RSTART + 8, RLENGTH - 9), pid }'
}
ports() {
    if [ ! -r /proc/net/tcp ]; then unread ports '/proc/net/tcp cannot be read'; return; fi
    { owners; sockets; } | awk '
        $1 == "owner" { pid[$2] = $3; next }
        { print $2, $3, $4, ($5 in pid) ? pid[$5] : "-" }' | sort -u |
        while read -r kind address port pid; do
            echo "listen $kind $address $port $(cat "/proc/$pid/comm" 2>/dev/null)"
        done
}

echo "begin kbootstrap-audit-1"
case $source in
    journal) said=$(from_journal) ;;
    *) said=$(from_processes) ;;
esac
printf '%s\n' "$said"
files
printf '%s\n' "$texts" | while read -r pattern; do
    for one in $pattern; do text "$one"; done
done
for one in "$(argument kube-apiserver audit-policy-file)" "$(argument kube-apiserver admission-control-config-file)" \
    "$(argument kubelet config)"; do
    if [ -n "$one" ]; then text "$one"; fi
done
config=$(argument kube-apiserver encryption-provider-config)
if [ -n "$config" ]; then # it has the keys: only the names of the providers
    if [ -r "$config" ]; then
        echo "providers $(grep -Eo '"?(aescbc|aesgcm|secretbox|kms|identity)"? *:' "$config" | tr -d '": ' | tr '\n' ' ')"
    else
        unread encryption "$config cannot be read"
    fi
fi
settings
server
clock
updates
ports
echo "end kbootstrap-audit-1"
