# kbootstrap-hand-over: lets the other servers take what this one does, before it stops. A failure has no effect: then
# they take over when they notice that it is gone. Run as root. Needs sh, coreutils, grep, sed, awk; iptables.
# The caller sets, before this text: data kubectl ports patience
# kubectl is a command line, without a kubeconfig; ports are those of the API, patience seconds.
begun=$(date +%s)
work=$(mktemp -d /run/kbootstrap-hand-over.XXXXXX)

# 1. The leader of etcd moves to another voter: without one, no write is answered until the others elect one.
# etcd's API in JSON: k3s source, `pkg/etcd/etcd.go` (`ListenClientHTTPURLs`); etcd, "gRPC gateway".
cat > "$work/etcd" <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "here",
 "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:2382",
   "certificate-authority": "$data/tls/etcd/server-ca.crt"}}],
 "users": [{"name": "here", "user": {"client-certificate": "$data/tls/etcd/client.crt",
   "client-key": "$data/tls/etcd/client.key"}}],
 "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}]}
END
ask() { printf %s "$2" | $kubectl --kubeconfig "$work/etcd" --request-timeout 10s create --raw "/v3/$1" -f - 2>/dev/null; }
id() { grep -o "\"$1\":\"[0-9]*\"" | head -n 1 | tr -dc 0-9; }
status=$(ask maintenance/status '{}')
own=$(echo "$status" | id member_id) leader=$(echo "$status" | id leader)
if [ -n "$own" ] && [ "$own" = "$leader" ]; then
    voters=$(ask cluster/member/list '{}' | grep -o '{"ID":"[0-9]*"[^}]*}' | grep -v '"isLearner":true')
    for other in $(echo "$voters" | sed 's/^{"ID":"\([0-9]*\)".*/\1/'); do
        if [ "$other" != "$own" ] && ask maintenance/transfer-leadership "{\"targetID\": \"$other\"}" >/dev/null; then
            break
        fi
    done
fi
rm -rf "$work"

# 2. The API takes no new connection from other machines: load balancers use other servers at once, and their health
# checks fail. The rules are removed by `resume`, or by a timer should this run end here.
rules=/run/kbootstrap/hand-over
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
