# kbootstrap-promote: makes learners of etcd voters as soon as etcd allows it, for some seconds. k3s does the same every
# 15 s (k3s source, `pkg/etcd/etcd.go`, `manageLearners`). Run on a voter, after etcd_api.sh; the caller sets patience.
end=$(($(date +%s) + patience))
while [ "$(date +%s)" -lt $end ]; do
    for one in $(members | learners); do ask cluster/member/promote "{\"ID\": \"$one\"}" >/dev/null; done
    sleep 1.5
done
