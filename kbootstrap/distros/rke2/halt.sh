# Ends the control plane of RKE2 when its service has stopped. It runs in static pods, whose containers stay, and
# would serve an old state of the cluster. Run as root; may run again. Needs sh, coreutils, grep.
# They are processes of pods whose command line names the server's files; no other pod's does.
own=$(readlink /proc/self/ns/mnt)
control_plane() {
    for process in /proc/[0-9]*; do
        grep -qs :/kubepods "$process/cgroup" || continue
        if [ "$(readlink "$process/ns/mnt")" = "$own" ]; then continue; fi # of this machine, which may be a pod itself
        if tr '\0' ' ' < "$process/cmdline" 2>/dev/null | grep -q /var/lib/rancher/rke2/server/; then
            echo "${process#/proc/}"
        fi
    done
}
for signal in TERM KILL; do
    tries=0
    while found=$(control_plane) && [ -n "$found" ] && [ $tries -lt 75 ]; do
        # shellcheck disable=SC2086 # a list of numbers
        if [ $((tries % 25)) = 0 ]; then kill -$signal $found 2>/dev/null; fi
        tries=$((tries + 1))
        sleep 0.2
    done
done
if [ -n "$(control_plane)" ]; then echo "the control plane does not end" >&2 && exit 1; fi
