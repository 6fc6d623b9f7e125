# kbootstrap-hand-over: lets the other servers take what this one does, before it stops. A failure has no effect: then
# they take over when they notice that it is gone. Run as root, after etcd_api.sh. Needs awk and iptables too.
# The caller sets, before this text: ports rules patience
# ports are those of the API, rules is a file for the rules' removal, patience seconds.
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
# checks fail. The rules are removed by `resume`, or by a timer should this run end here.
mkdir -p "${rules%/*}" && : > "$rules"
for program in iptables ip6tables; do
    for port in $ports; do
        rule="INPUT ! -i lo -p tcp --dport $port --syn -m comment --comment kbootstrap-hand-over -j REJECT --reject-with tcp-reset"
        # shellcheck disable=SC2086 # a list of words
        if $program -w 5 -I $rule 2>/dev/null; then echo "$program -w 5 -D $rule" >> "$rules"; fi
    done
done
systemd-run --quiet --collect --on-active="$patience" sh -c "sh $rules; rm -f $rules" 2>/dev/null

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
