# The TCP ports on which a program listens, one per line, hexadecimal (proc(5), /proc/net/tcp). With an argument only
# those on which it listens for other machines.
ports() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v others="${1:-}" '
        $4 != "0A" { next }
        others && $2 ~ /^(000000000000000000000000|0000000000000000FFFF0000)?(......7F|01000000):/ { next }
        { sub(/.*:/, "", $2); print $2 }'
}
