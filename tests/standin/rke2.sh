#!/bin/sh
# A stand-in for RKE2 in tests: a rehearsal, not RKE2. It has RKE2's paths, units, ports, subcommands, configuration and
# exit codes; what runs under it is k3s, linked under RKE2's name: one process, where RKE2 starts static pods, and
# flannel, whatever the pod network is called. `vendor.py` fills in the values between at signs.
# What RKE2 does: its source (pkg/cli/cmds, pkg/rke2, pkg/bootstrap) and docs.rke2.io.
version='@VERSION@' layer='@LAYER@'
server_keys='@SERVER_KEYS@'
agent_keys='@AGENT_KEYS@'
root=${RKE2_STANDIN_ROOT:-} # of unit tests
data=$root/var/lib/rancher/rke2
config=$root/etc/rancher/rke2/config.yaml
work=$root/run/rke2-standin
image="rancher/rke2-runtime:$(echo "$version" | tr + -)"

fatal() {
    echo "time=\"$(date -u +%FT%TZ)\" level=fatal msg=\"$1\"" >&2
    exit 1
}
warn() { echo "time=\"$(date -u +%FT%TZ)\" level=warning msg=\"$1\"" >&2; }
known() { # a key, a list with one on each line
    case "
$2
" in *"
$1
"*) return 0 ;; esac
    return 1
}

# The configuration: config.yaml, then the drop-ins in the order of their names; flat, as kbootstrap writes it.
config_files() {
    for file in "$config" "$config".d/*; do
        case $file in *.yaml | *.yml | *.YAML | *.YML) if [ -f "$file" ]; then echo "$file"; fi ;; esac
    done
}
every_key() { config_files | while read -r file; do sed -n 's/^\([A-Za-z][A-Za-z0-9-]*\)+\{0,1\}:.*/\1/p' "$file"; done | sort -u; }
# The values of a key, one a line: the last file that has it wins, `key+:` adds to what was there.
values() {
    config_files | tr '\n' '\0' | xargs -0 -r awk -v key="$1" '
        function add(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); gsub(/^["'\'']|["'\'']$/, "", text)
            if (text != "" && text != "[]") found[++count] = text }
        /^[A-Za-z]/ {
            inside = 0
            if (index($0, key ":") == 1) { count = 0; inside = 1; add(substr($0, length(key) + 2)) }
            else if (index($0, key "+:") == 1) { inside = 1; add(substr($0, length(key) + 3)) }
            next
        }
        inside && /^[ \t]*- / { sub(/^[ \t]*- /, ""); add($0) }
        END { for (i = 1; i <= count; i++) print found[i] }'
}
value() { values "$1" | tail -n 1; }

# The same configuration for the engine, without what only RKE2 has and what RKE2 drops.
engine_config() { # role, keys
    rm -rf "$work"
    mkdir -p -m 700 "$work" # a umask would hold for the engine too, and for the folders of containers that it makes
    mkdir "$work/$1.yaml.d"
    number=10
    config_files | while read -r file; do
        number=$((number + 1))
        awk -v keys="$(echo "$2" | tr '\n' ' ')" -v own="$own_keys" '
            BEGIN { count = split(keys, list, " "); for (i = 1; i <= count; i++) good[list[i]] = 1 }
            /^[A-Za-z]/ { name = $0; sub(/\+?:.*/, "", name); keep = (name in good) && name !~ own }
            keep' "$file" > "$work/$1.yaml.d/$number.yaml"
    done
    : > "$work/$1.yaml"
}
own_keys='^(cni|ingress-controller|enable-servicelb|prime|profile|disable|kubelet-path|cloud-provider-.*|node-name-from-.*|audit-policy-file|pod-security-.*|control-plane-.*|.*-extra-(mount|env)|(kube-.*|etcd|runtime|cloud-controller-manager)-image)$'

# What RKE2 makes of its keys for the API server and the kubelet: further settings of the engine. Its own audit policy,
# which logs nothing, and its own configuration of admission are not there: kbootstrap names others.
own_settings() { # role
    audit=$(value audit-policy-file) admission=$(value pod-security-admission-config-file)
    if [ -n "$(value profile)" ]; then echo 'protect-kernel-defaults: true'; fi
    if [ "$1" = agent ] || [ -z "$audit$admission" ]; then return; fi
    echo 'kube-apiserver-arg+:'
    if [ -n "$admission" ]; then echo "  - admission-control-config-file=$admission"; fi
    if [ -n "$audit" ]; then
        mkdir -p "$data/server"
        mkdir -p -m 700 "$data/server/logs"
        for argument in "policy-file=$audit" "log-path=$data/server/logs/audit.log" log-maxage=30 log-maxbackup=10 \
            log-maxsize=100; do
            echo "  - audit-$argument"
        done
    fi
}

# k3s' manifests give the rights of these users to users with its own name in them; RKE2 has manifests for its own.
rights() (
    mkdir -p -m 700 "$data/server/manifests"
    for binding in cloud-controller-manager=k3s-cloud-controller-manager=rke2-cloud-controller-manager \
        auth-delegator=system:auth-delegator=rke2-cloud-controller-manager \
        controller=system:k3s-controller=system:rke2-controller; do
        name=${binding%%=*} user=${binding##*=} role=${binding#*=}
        cat << EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "rke2-$name"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "${role%=*}"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "$user"}]
---
EOF
    done > "$data/server/manifests/rke2-rights.yaml"
    cat >> "$data/server/manifests/rke2-rights.yaml" << EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rke2-authentication-reader, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: rke2-cloud-controller-manager}]
EOF
)

check_flags() { # keys, arguments of the command line
    keys=$1
    shift
    for argument in "$@"; do
        case $argument in --*) ;; *) continue ;; esac
        name=${argument#--} name=${name%%=*}
        if ! known "$name" "$keys"; then
            echo "Incorrect Usage: flag provided but not defined: -$name" >&2
            fatal "Error: flag provided but not defined: -$name"
        fi
        if echo "$name" | grep -Eq "$own_keys"; then fatal "stand-in: --$name only in the configuration"; fi
    done
}

# Programs of the runtime image: from the archive in the folder of images; the stand-in asks no registry.
runtime() {
    if [ -x "$data/bin/rke2-engine" ] && [ "$(cat "$data/bin/.version" 2>/dev/null)" = "$version" ]; then return; fi
    archive=''
    for file in "$data"/agent/images/rke2-images-core.linux-*.tar.zst "$data"/agent/images/rke2-images.linux-*.tar.zst; do
        if [ -z "$archive" ] && [ -f "$file" ]; then archive=$file; fi
    done
    if [ -z "$archive" ]; then
        fatal "failed to get image $image: no archive of images has it, and the stand-in asks no registry"
    fi
    place=$data/data/$(echo "$version" | tr + -)-$(echo "$layer" | cut -c1-12)
    rm -rf "$place.part"
    mkdir -p "$place.part"
    zstd -dcq --long=25 "$archive" | tar -xOf - "$layer/layer.tar" 2>/dev/null | tar -xf - -C "$place.part" ||
        fatal "failed to get image $image: $archive has the images of another version"
    echo "$version" > "$place.part/bin/.version"
    rm -rf "$place"
    mv "$place.part" "$place"
    ln -sfn "$place/bin" "$data/bin.new"
    mv -fT "$data/bin.new" "$data/bin"
}

check_profile() {
    case $(value profile) in
        '') return ;;
        cis | etcd) ;;
        *) fatal "invalid value provided for --profile flag: must be one of cis, etcd" ;;
    esac
    for wanted in vm.overcommit_memory=1 vm.panic_on_oom=0 kernel.panic=10 kernel.panic_on_oops=1; do
        name=${wanted%%=*}
        if [ "$(cat "$root/proc/sys/$(echo "$name" | tr . /)" 2>/dev/null)" != "${wanted#*=}" ]; then
            fatal "invalid kernel parameter value $name - expected ${wanted#*=}"
        fi
    done
    if [ "$1" = server ] && ! grep -qs '^etcd:' "$root/etc/passwd"; then fatal "missing required: user: unknown user etcd"; fi
}

choice() { # key, default, allowed values with commas: the value; fails for others
    found=$(values "$1")
    if [ -z "$found" ]; then echo "$2" && return; fi
    for one in $(echo "$found" | tr ',' ' '); do
        case ",$3,none," in *,"$one",*) ;; *) fatal "Invalid value $one for --$1 flag: must be one of $3" ;; esac
    done
    echo "$found" | tail -n 1
}

for_each_key() { # keys
    every_key | while read -r key; do
        known "$key" "$1" || warn "Unknown flag --$key found in config.yaml, skipping"
    done
}

start() { # role, arguments
    role=$1
    shift
    if [ "$role" = server ]; then keys=$server_keys; else keys=$agent_keys; fi
    check_flags "$keys" "$@"
    for_each_key "$keys"
    check_profile "$role"
    network=$(choice cni canal calico,canal,cilium,flannel) || exit 1
    choice ingress-controller none traefik,ingress-nginx >/dev/null || exit 1
    reset='' restore=''
    for argument in "$@"; do
        case $argument in
            --cluster-reset | --cluster-reset=true) reset=yes ;;
            --cluster-reset-restore-path=*) restore=yes ;;
        esac
    done
    runtime
    mkdir -p "$data"
    if [ -n "$restore" ]; then : > "$data/force-restart"; elif [ -z "$reset" ]; then rm -f "$data/force-restart"; fi
    engine_config "$role" "$keys"
    own=$(own_settings "$role")
    if [ -n "$own" ]; then echo "$own" > "$work/$role.yaml.d/99-own.yaml"; fi
    if [ "$(value cloud-provider-name)" = external ]; then set -- "$@" --kubelet-arg=cloud-provider=external; fi
    if [ "$role" = server ]; then
        for name in $(values disable); do
            # shellcheck disable=SC2295 # no pattern
            case $name in rke2-*) set -- "$@" "--disable=${name#rke2-}" ;; esac
        done
        for name in traefik servicelb local-storage; do set -- "$@" "--disable=$name"; done
        if [ "$network" = none ] || ! ls "$data"/agent/images/rke2-images-"$network".linux-* >/dev/null 2>&1; then
            set -- "$@" --flannel-backend=none # nothing is there, or its images are missing: nodes are not Ready
        fi
        set -- "$@" --cluster-init --secrets-encryption --disable-network-policy
        rights
        # A reset needs no kubelet: etcd is in the engine. The ports stay, because a reset writes kubeconfigs too.
        if [ -n "$reset" ]; then set -- "$@" --disable-agent; fi
        set -- "$@" --supervisor-port=9345 --apiserver-port=6443 --apiserver-bind-address=0.0.0.0
    fi
    engine "$role" "--config=$work/$role.yaml" "$@"
}

engine() {
    PATH=$data/bin:$PATH
    export PATH
    exec "$data/bin/rke2-engine" "$@"
}

# A subcommand that asks the server, on its own port.
ask() { # flag for the server, command, arguments
    flag=$1 command=$2
    shift 2
    case ${1:-} in '' | -*) engine "$command" "$@" ;; esac
    sub=$1
    shift
    runtime
    engine "$command" "$sub" "$flag=https://127.0.0.1:9345" "$@"
}

case ${1:-} in
    server | agent) start "$@" ;;
    etcd-snapshot) ask --etcd-server "$@" ;;
    secrets-encrypt) ask --server "$@" ;;
    token)
        if [ "${2:-}" = rotate ]; then ask --server "$@"; fi
        runtime
        engine "$@"
        ;;
    certificate)
        runtime
        if [ "${2:-}" = rotate ]; then : > "$data/force-restart"; fi
        if [ "${2:-}" = rotate-ca ]; then ask --server "$@"; fi
        engine "$@"
        ;;
    completion) runtime && engine "$@" ;;
    --version | -v) echo "rke2 version $version (stand-in: k3s under the name of RKE2)" ;;
    '' | --help | -h) echo "rke2 - a stand-in for RKE2 in tests. Commands: server agent etcd-snapshot certificate secrets-encrypt token completion" ;;
    *)
        echo "No help topic for '$1'" >&2
        exit 3
        ;;
esac
