# Functions for etcd's API in JSON, which the service opens on the loopback address (k3s source, `pkg/etcd/etcd.go`,
# `ListenClientHTTPURLs`; etcd, "gRPC gateway"). Run as root on a member. Needs sh, coreutils, grep, sed.
# The caller sets, before this text: data kubectl
# kubectl is a command line, without a kubeconfig; it is the only client that every machine has.
work=$(mktemp -d /run/kbootstrap-etcd.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
cat > "$work/etcd" <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "here",
 "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:2382",
   "certificate-authority": "$data/tls/etcd/server-ca.crt"}}],
 "users": [{"name": "here", "user": {"client-certificate": "$data/tls/etcd/client.crt",
   "client-key": "$data/tls/etcd/client.key"}}],
 "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}]}
END
ask() { # path below /v3, body
    printf %s "$2" | $kubectl --kubeconfig "$work/etcd" --request-timeout 10s create --raw "/v3/$1" -f - 2>/dev/null
}
id() { grep -o "\"$1\":\"[0-9]*\"" | head -n 1 | tr -dc 0-9; } # the first one of this name
members() { ask cluster/member/list '{}' | grep -o '{"ID":"[0-9]*"[^}]*}'; } # one a line
learners() { grep '"isLearner":true' | sed 's/^{"ID":"\([0-9]*\)".*/\1/'; }
voters() { grep -v '"isLearner":true' | sed 's/^{"ID":"\([0-9]*\)".*/\1/'; }
