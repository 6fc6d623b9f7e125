"""The deadline of each step, in seconds, and its reason. Measured times are from `docs/` and our own runs.

A deadline is generous: it is there so that nothing hangs for ever, not to judge slow machines. A unit that
is crash-looping ends its step earlier (`FAILURES`).
"""

from __future__ import annotations

FACTS = 60.0
"""One script of some hundred system calls; a machine that swaps or has just booted needs seconds."""
AUDIT = 180.0
"""One script, which reads the beginning of a journal and asks a package manager for updates (60 s)."""
COMMAND = 60.0
"""A short command on a node: a token, a stamp, a reload of systemd."""
STAGE = 1800.0
"""About 150 MB over a slow uplink (1 MB/s) with many nodes at once."""
RELAY = 300.0
"""A file of 150 MB from one node to sixteen others at once, over a link of 100 Mbit/s; else it is sent."""
FORMAT = 600.0
"""mkfs.ext4: a second for 10 GiB, but it discards the whole disk first, which some clouds do slowly."""
GROW = 600.0
"""resize2fs while the filesystem is used: seconds for some hundred GiB."""
SERVING = 600.0
"""First start of a server to `/readyz`: 10 to 60 s; joining waits for the single etcd learner place, and
importing images from a slow disk comes before it."""
READY = 600.0
"""A started node to Ready: 5 to 60 s; image import on a slow disk, network plugin, pulls without air gap."""
PODS = 120.0
"""The autoscaler's pods to end after their manifest has no objects: servers look at manifests every 15 s, and
a pod may take 30 s to end."""
KNOWN = 600.0
"""The cloud controller to find a node: seconds once it runs; before that nodes may pull its image, and the
kubelet looks for its Secret again after up to two minutes."""
API = 60.0
"""The API must answer through the external endpoint this long after a server serves: health checks of load
balancers need several rounds."""
KUBECONFIG = 300.0
"""A server's kubeconfig: it is there when the server is ready; reading it takes its turn beside transfers."""
REQUEST = 10.0
"""One request to the Kubernetes API."""
RECONCILE = 60.0
"""Labels and taints of one node, with retries when another client changes it meanwhile."""
FORGET = 180.0
"""Deleting a Node object, until it is gone: a server's waits for the controller that removes its etcd member,
which may have to be elected first (measured: 43 s when the lost machine was the leader)."""
JOINED = 180.0
"""A server that is to leave while it joins: to its Node, by which alone it can be removed from etcd."""
DRAIN = 600.0
"""Moving the pods of a node elsewhere: each has a grace period (30 s unless it says more), and budgets wait
for new pods to be ready. `--drain-timeout` says otherwise."""
WORKLOADS = 600.0
"""What ran on a node to be ready again: images are pulled, volumes attached again."""
QUORUM = 120.0
"""The other servers to be Ready before one of them restarts: one that has just restarted needs seconds."""
SETTLING = 120.0
"""A server to take snapshots, writes and tokens after its start: seconds after its API answers on an idle
machine, up to a minute on a busy one. Any refusal within this time counts as "not ready yet"."""
SNAPSHOT = 300.0
"""A snapshot of etcd: a second for what a small cluster keeps, longer where it is copied to a bucket."""
UNINSTALL = 300.0
"""Taking Kubernetes off a machine: 2 s; a service that does not stop gets 60, and much data on a slow
disk takes long to delete."""
DELETING = 60.0
"""Nodes to be gone that are being deleted, before anything is decided: seconds, a minute for a leader's."""
OBSERVE = 5.0
"""Looking at the nodes before anything is decided: a load balancer needs moments to notice a dead server."""
STARTING = 60.0
"""The same while a server is just starting and something is to be changed: 10 to 40 s after its machine was
started again. It is worth the wait, because without the API little may be decided."""
FAILURES = 6
"""A unit that systemd has restarted this often since we started it will not come up by itself. k3s restarts a
few times by design while it waits for a free learner place or for a load balancer."""
STEADY = 60.0
"""A service whose process has lasted this long no longer counts as one that is crash-looping. So long it
may fail as often as it likes: the endpoint may not know the first server yet."""
RESTARTS = 5.0
"""Between two looks at how often systemd has restarted a service: as long as it waits before it does."""
POLL = 0.5
"""Between two looks at the same thing. Half a second is lost in the noise of a start, and costs little."""
ROUND = 20
"""How long one command on a node waits for its service before we look again (whole seconds)."""
ACTIVATE = 240.0
"""A server to take new tokens: a second, and up to three requests where an earlier run was interrupted."""
RENEW = 180.0
"""Stopping a service (up to 90 s, its own timeout) and moving some files."""
PATH = 4
"""An answer on a path between two machines (whole seconds): the kernel answers at once, and a lost packet is
repeated after one second and after three."""
PATH_LOOKS, PATH_PAUSE = 3, 2.0
"""So often, with this pause, a path must be closed while something listens at its end. Once is a restart."""
PATHS = 180.0
"""All paths of one machine, 32 at once."""
LISTENING = 240
"""A listener ends after this by itself (whole seconds); it is ended when all machines have tried."""
OVERLAY = 2
"""An answer through the network of the pods (whole seconds); a silent one is asked once more."""
LISTS = 300.0
"""Fetching package lists: seconds, minutes through a slow proxy; apt waits for another process up to 60 s."""
UPDATING = 900
"""An installation waits so long for another one, of the machine or of a killed run (whole seconds)."""
UPDATES = 2700.0
"""Installing updates, after that wait: a kernel with its initial file system takes minutes on a slow disk."""
REBOOT = 900.0
"""A machine to answer again after it was told to reboot: seconds in a cloud, and up to ten minutes where
firmware tests the memory of a large server."""
