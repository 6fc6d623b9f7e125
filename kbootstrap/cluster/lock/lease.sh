# Takes, keeps or releases the lease of a cluster on this machine. Needs sh, flock, sed; run as root.
# The caller sets, before this text:
#   act (take, keep, release) own (id of the caller) over (id that may be taken from) ttl (seconds); the other
#   fields come on stdin. Prints the lease of another run and ends with 3, or prints `since` and ends with 0.
# Times are seconds since this machine was started: that clock cannot be set, and /run lasts as long.
lease=/run/kbootstrap/lease
umask 077
mkdir -p /run/kbootstrap && exec 9>>"$lease.lock" && flock -w 10 9 || exit 4
now=$(cut -d. -f1 /proc/uptime)
field() { sed -n "s/^$1 //p" "$lease" 2>/dev/null; }
id=$(field id) renewed=$(field renewed)
case $renewed in '' | *[!0-9]*) age=$ttl ;; *) age=$((now - renewed)) ;; esac
[ "$age" -ge 0 ] || age=$ttl
since=$(date -u '+%Y-%m-%d %H:%M:%S')
if [ "$id" = "$own" ]; then
    since=$(field since)
elif [ -n "$id" ]; then
    # The present holder is not the one of before: `keep` with another id has lost the lease in any case.
    case $act in
        take) [ "$age" -ge "$ttl" ] || [ "$id" = "$over" ] || taken=yes ;;
        *) taken=yes ;;
    esac
    if [ -n "$taken" ]; then
        cat "$lease"
        echo "age $age"
        exit 3
    fi
fi
{
    echo "id $own"
    if [ "$act" = release ]; then echo "renewed -"; else echo "renewed $now"; fi
    echo "since $since"
    cat
} > "$lease.new" && mv -f "$lease.new" "$lease" || exit 4
echo "since $since"
