# Takes, keeps or releases the lease of a cluster on this machine. Needs sh, flock; run as root.
# The caller sets, before this text:
#   act (take, keep, release) own (id of the caller) over (id that may be taken from) ttl (seconds); the other
#   fields come on stdin, with the line `end` after them. Without it the caller was killed while it sent them, and
#   nothing is changed: a lease without its holder could not be taken over when that has ended.
# Prints the lease of another run and ends with 3, or prints `since` and ends with 0.
# Times are seconds since this machine was started: that clock cannot be set, and /run lasts as long.
lease=/run/kbootstrap/lease
fields=''
while IFS= read -r line && [ "$line" != end ]; do
    fields="$fields$line
"
done
[ "$line" = end ] || exit 4
umask 077
{ [ -d /run/kbootstrap ] || mkdir -p /run/kbootstrap; } && exec 9>>"$lease.lock" && flock -w 10 9 || exit 4
read -r now line < /proc/uptime
now=${now%%.*} id='' renewed='' before=''
if [ -e "$lease" ]; then
    while read -r name value; do
        case $name in
            id) id=$value ;;
            renewed) renewed=$value ;;
            since) before=$value ;;
        esac
    done < "$lease"
fi
case $renewed in '' | *[!0-9]*) age=$ttl ;; *) age=$((now - renewed)) ;; esac
[ "$age" -ge 0 ] || age=$ttl
if [ "$id" = "$own" ]; then
    since=$before
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
[ -n "$since" ] || since=$(date -u '+%Y-%m-%d %H:%M:%S')
[ "$act" != release ] || now=-
printf 'id %s\nrenewed %s\nsince %s\n%s' "$own" "$now" "$since" "$fields" > "$lease.new" &&
    mv -f "$lease.new" "$lease" || exit 4
echo "since $since"
