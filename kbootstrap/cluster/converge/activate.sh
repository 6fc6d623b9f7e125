# Has this server take the new tokens that lie beside, for the whole cluster. Run as root; may run again.
# Needs sh, coreutils, grep, sed. Secrets go through files that only root reads, and pipes.
# The caller sets, before this text: name port data token server_token kubectl next
# kubectl is a command line, without a kubeconfig.
# What the service does with the request: k3s source, v1.32, `pkg/server/token.go`.
umask 077
passwords=$data/cred/passwd
work=$(mktemp -d /run/kbootstrap-tokens.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
failed() {
    echo "$1" >&2
    exit 1
}
password() { # of a token, in either form
    line=$(head -n 1 "$1" 2>/dev/null)
    case $line in K10*::*:*) line=${line#*::} line=${line#*:} ;; esac
    printf %s "$line"
}
json() { sed 's/[\\"]/\\&/g'; }
asked() { # password, token: ask the service, as a client with this password, to accept a new token
    cat > "$work/as" <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "here",
 "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:$port",
   "certificate-authority": "$data/tls/server-ca.crt"}}],
 "users": [{"name": "server", "user": {"username": "server", "password": "$(printf %s "$1" | json)"}}],
 "contexts": [{"name": "here", "context": {"cluster": "here", "user": "server"}}]}
END
    printf '{"newToken": "%s"}' "$(printf %s "$2" | json)" |
        $kubectl --kubeconfig "$work/as" --request-timeout 60s replace --raw "/v1-$name/token" -f - \
            > "$work/said" 2>&1
}
# To a token. The service knows the one that it was started with, until it is started again; our copy of it may be
# the next one already, where a run was cut before the restart.
change() {
    for known in "$old" "$started" "$written" "$new"; do
        if asked "$known" "$1"; then return 0; fi
        if ! grep -Eqi 'unauthorized|not authorized|logged in|forbidden' "$work/said"; then return 1; fi
    done
    return 1
}

new=$(sed -n 's/^server //p' "$next")
agents=$(sed -n 's/^agent //p' "$next")
sed -n 's/^old-server //p' "$next" > "$work/old"
old=$(password "$work/old") started=$(password "$token") written=$(password "$server_token")
if [ -z "$new" ] || [ -z "$agents" ]; then failed "there are no new tokens in $next"; fi

# What agents join with is one line of the service's password file, which it takes along with the request. The
# file keeps its time: should the service start before that, it takes back its own.
if [ "$(grep -c ",node,node,$name:agent\$" "$passwords")" != 1 ]; then
    failed "$passwords has no line for agents, or several"
fi
{
    grep -v ",node,node,$name:agent\$" "$passwords"
    printf '%s,node,node,%s:agent\n' "$agents" "$name"
} > "$passwords.new" || exit 1
touch -r "$passwords" "$passwords.new" && mv "$passwords.new" "$passwords" || exit 1

if change "$new"; then exit 0; fi
cp "$work/said" "$work/first"
# Half done, by a run before or by this one: the files have the new token, and the data has the old one.
if [ "$(password "$server_token")" = "$new" ]; then
    if change "$old" && change "$new"; then exit 0; fi
fi
failed "$(cat "$work/first")"
