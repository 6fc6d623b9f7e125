#!/usr/bin/env bash
# The floor: the least that any tool must do to make this cluster, as a bare script without any checks.
# Servers one after the other, agents at once after the first server; bits to all machines in parallel.
#   floor.sh KEY K3S IMAGES REGISTRATION NODES...      each node: name,role,port,address,pod-unused
# Prints a line with seconds since its start for each stage.
set -euo pipefail
key=$1 k3s=$2 images=$3 registration=$4; shift 4
nodes=("$@")
token=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
begun=$(date +%s.%N)
lap() { printf '%s %.1f\n' "$1" "$(echo "$(date +%s.%N) - $begun" | bc)"; }
on() { # node, then a command for its root shell
  local port; port=$(cut -d, -f3 <<<"$1"); shift
  ssh -q -p "$port" -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlMaster=auto \
    -o ControlPath="/tmp/kb-floor-%p" -o ControlPersist=300 kbootstrap@127.0.0.1 "sudo sh -c '$*'"
}

unit() { case $1 in *,agent,*) echo k3s-agent ;; *) echo k3s ;; esac; } # as the vendor's installer names it

prepare() {
  local node=$1 name role address; IFS=, read -r name role _ address <<<"$node"
  until on "$node" true 2>/dev/null; do sleep 0.2; done
  on "$node" "cat > /usr/local/bin/k3s && chmod 755 /usr/local/bin/k3s" <"$k3s"
  on "$node" "mkdir -p /var/lib/rancher/k3s/agent/images /etc/rancher/k3s && cat > /var/lib/rancher/k3s/agent/images/images.tar.zst" <"$images"
  { printf 'token: %s\nnode-name: %s\nnode-ip: %s\n' "$token" "$name" "$address"
    if [ "$role" = server ]; then printf 'tls-san: [%s]\ndisable: [traefik, servicelb]\n' "${registration%:*}"; fi
    if [ "$node" = "${nodes[0]}" ]; then echo 'cluster-init: true'; else echo "server: https://$registration"; fi
  } | on "$node" "cat > /etc/rancher/k3s/config.yaml"
  printf '[Unit]\nAfter=network-online.target\n[Service]\nType=%s\nExecStart=/usr/local/bin/k3s %s\nKillMode=process\nDelegate=yes\nLimitNOFILE=1048576\nTasksMax=infinity\nTimeoutStartSec=0\nRestart=always\nRestartSec=5s\n[Install]\nWantedBy=multi-user.target\n' \
    "$([ "$role" = server ] && echo notify || echo exec)" "$role" | on "$node" "cat > /etc/systemd/system/$(unit "$node").service && systemctl daemon-reload"
}
serving() { until [ "$(on "$1" "k3s kubectl get --raw /readyz" 2>/dev/null)" = ok ]; do sleep 0.3; done; }
ready() { on "${nodes[0]}" "k3s kubectl get nodes --no-headers" 2>/dev/null | grep -cw Ready || true; }

for node in "${nodes[@]}"; do prepare "$node" & done; wait
lap staged
on "${nodes[0]}" "systemctl start k3s"; serving "${nodes[0]}"
lap first-server
for node in "${nodes[@]}"; do case $node in *,agent,*) on "$node" "systemctl start k3s-agent" & ;; esac; done
for node in "${nodes[@]:1}"; do case $node in *,server,*) on "$node" "systemctl start k3s"; serving "$node" ;; esac; done
wait
until [ "$(ready)" = "${#nodes[@]}" ]; do sleep 0.3; done
lap ready
for node in "${nodes[@]}"; do
  ssh -q -O exit -o ControlPath="/tmp/kb-floor-%p" -p "$(cut -d, -f3 <<<"$node")" kbootstrap@127.0.0.1 2>/dev/null || true
done
