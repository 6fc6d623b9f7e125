"""The cluster room: what must happen on nodes so that they become, and stay, the cluster of the spec.

In the order in which a command uses them:

    facts   = await gather(hosts, distro)                     facts.py    one round trip per host
    wanted  = wanted(cluster, nodes, inventory, distro, ...)  want.py     pure
    api     = connect(kubeconfig, endpoint)                   api.py      only when a server is up already
    seen    = await observe(api)                              api.py      the Node objects as data
    plan    = decide(wanted, facts, seen)                     decide.py   pure; no steps: nothing to do
    await converge(plan, wanted, hosts, ...)                  act.py      carries the plan out
    text    = await fetch_kubeconfig(hosts, facts, distro, …) fetch.py    the admin kubeconfig of a server
    rows    = compare(wanted, facts, seen, plan)              status.py   wanted beside real, for `status`

Nothing is imported here, so that each command loads only the parts that it uses.
"""
