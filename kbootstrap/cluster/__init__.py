"""Makes nodes a cluster that matches the spec, and keeps them so.

In the order in which a command uses them:

    facts   = await gather(hosts, distro)                      observe/facts.py        one round trip per host
    desired = desired_state(cluster, nodes, inventory, ...)    decide/desired.py       pure
    api     = connect(kubeconfig, endpoint)                    api/http.py             when a server is up
    seen    = await observe(api)                               api/observe.py          Node objects as data
    plan    = decide(desired, facts, seen)                     decide/decide.py        pure; the steps
    await converge(plan, desired, hosts, ...)                  converge/converge.py    carries the plan out
    text    = await fetch_kubeconfig(hosts, facts, distro, …)  observe/credentials.py  the admin kubeconfig
    rows    = compare(desired, facts, seen, plan)              decide/comparison.py    for `status`

`steps/` defines the steps of plans. Nothing is imported here, so that each command loads only what it uses.
"""
