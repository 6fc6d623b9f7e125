# kbootstrap-hand-over: lets the other servers take what this one does, before it stops. A failure has no effect: then
# they take over when they notice that it is gone. Run as root, after etcd_api.sh. Needs awk and iptables too.
# The caller sets, before this text: ports mark resume patience
# ports are those of the API, mark is a file that exists until the server takes connections again, resume is the command
# for that, patience seconds.
begun=$(date +%s)

# 1. The leader of etcd moves to another voter: without one, no write is answered until the others elect one, for up to
# 10 s. etcd refuses to move it while another change is under way, and to a member that is behind.
leads() {
    status=$(ask maintenance/status '{}')
    own=$(echo "$status" | id member_id) leader=$(echo "$status" | id leader)
    [ -n "$own" ] && [ "$own" = "$leader" ]
}
give_lead() {
    while leads && [ $(($(date +%s) - begun)) -lt 15 ]; do
        for other in $(members | voters); do
            if [ "$other" != "$own" ] && ask maintenance/transfer-leadership "{\"targetID\": \"$other\"}" >/dev/null; then
                return
            fi
        done
        sleep 0.5
    done
}
give_lead

# 2. The API takes no new connection from other machines: load balancers use other servers at once, and their health
# checks fail. A service of its own removes the rules when `mark` is gone or patience ends, also if this run ends here. It
# repeats that for a while: kube-router writes the whole table as it read it a moment ago, with rules removed meanwhile.
systemctl stop kbootstrap-hand-over.service 2>/dev/null
mkdir -p "${mark%/*}" && : > "$mark"
if systemd-run --quiet --collect --unit=kbootstrap-hand-over sh -c "
    for _ in \$(seq $patience); do [ -e $mark ] || break; sleep 1; done
    for _ in \$(seq 30); do $resume; sleep 1; done" 2>/dev/null
then
    for program in iptables ip6tables; do
        for port in $ports; do
            $program -w 5 -I INPUT ! -i lo -p tcp --dport "$port" --syn \
                -m comment --comment kbootstrap-hand-over -j REJECT --reject-with tcp-reset 2>/dev/null
        done
    done
fi

# 3. Requests end. Connections that stay (watches, tunnels) are opened again by their clients when the service stops.
foreign() { # established connections to the ports from other machines (proc(5), /proc/net/tcp)
    for port in $ports; do
        awk -v port="$(printf %04X "$port")" '
            $4 == "01" && $2 ~ ":" port "$" { split($2, here, ":"); split($3, there, ":")
                if (here[1] != there[1]) print $3 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
    done | sort
}
before='' now=$(foreign)
while [ "$now" != "$before" ] && [ $(($(date +%s) - begun)) -lt 10 ]; do
    sleep 1
    before=$now now=$(foreign)
done

# 4. It may have been elected again meanwhile.
give_lead
