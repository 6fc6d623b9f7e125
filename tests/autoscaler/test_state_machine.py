"""Random calls, results and restarts on the pure core: it always comes to rest with nothing left over."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kbootstrap.autoscaler import merge, outcomes, sizes
from kbootstrap.autoscaler.instances import instance_id
from kbootstrap.autoscaler.model import Fault, FleetState, InstancePhase, SeenNode
from kbootstrap.autoscaler.refusal import Refusal
from kbootstrap.autoscaler.todo import Action, Kind, free_address, todo
from kbootstrap.providers.elastic import ElasticMachine, MachinePhase
from tests.autoscaler.samples import NOW, fresh, large, machine, small, state

GROUPS = (small(), large())
_IDS = st.sampled_from([one.id for one in GROUPS])
_RESULTS = st.sampled_from(["good", "bad", "full", "taken", "lost"])


class Core(RuleBasedStateMachine):
    """`cloud` is what the infrastructure has, `nodes` what Kubernetes has, `state` what the server knows."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.number = NOW, 0
        self.cloud: dict[str, ElasticMachine] = {}
        self.nodes = {"prod-web-1": SeenNode("prod-web-1", "k3s://prod-web-1", ready=True)}
        self.names = fresh("prod-web-r")
        self.state = state()

    @rule(group=_IDS, delta=st.integers(-1, 5))
    def grow(self, group: str, delta: int) -> None:
        before = self.state
        try:
            self.state = sizes.increase(before, group, delta, self.now, self.names)
        except Refusal:
            return
        assert (
            sizes.target(self.state, before.groups[group])
            == sizes.target(before, before.groups[group]) + delta
        )

    @rule(group=_IDS, delta=st.integers(-3, 0))
    def shrink(self, group: str, delta: int) -> None:
        before = self.state
        try:
            self.state = sizes.decrease(before, group, delta, self.now)
        except Refusal:
            return
        assert (
            sizes.target(self.state, before.groups[group])
            == sizes.target(before, before.groups[group]) + delta
        )
        assert sizes.running(self.state, before.groups[group]) == sizes.running(before, before.groups[group])

    @precondition(lambda self: self.state.instances)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.state.instances.values(), key=lambda one: one.name)))
        wanted = data.draw(st.sampled_from([(one.name, ""), (instance_id(self.state, one),) * 2]))
        try:
            self.state = sizes.delete(self.state, one.group, [wanted], self.now)
        except Refusal as refusal:
            why = refusal.reason
        else:
            why = ""
        assert why in {"", "MinimumReached"}

    @rule(result=_RESULTS, seconds=st.sampled_from([0.0, 1.0, 11.0]), pick=st.integers(0, 9))
    def work(self, result: str, seconds: float, pick: int) -> None:
        self.now += seconds
        if actions := todo(self.state, self.now):
            self._carry_out(actions[pick % len(actions)], result)

    @rule(seconds=st.sampled_from([5.0, 130.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.state = outcomes.late(self.state, self.now)

    @rule()
    def look(self) -> None:
        self.state = merge.with_nodes(self.state, self.nodes.values())
        self.state = merge.with_machines(self.state, self.cloud.values(), self.now, self.now)
        assert {one.machine for one in self.state.instances.values()} >= set(self.cloud.values())

    @precondition(lambda self: self.cloud)
    @rule(pick=st.integers(0, 9), phase=st.sampled_from(MachinePhase))
    def change(self, pick: int, phase: MachinePhase) -> None:
        name = sorted(self.cloud)[pick % len(self.cloud)]
        self.cloud[name] = replace(self.cloud[name], phase=phase, fault="broken")

    @rule()
    def restart(self) -> None:
        self.state = merge.with_groups(FleetState("k3s"), GROUPS)
        self.look()

    @invariant()
    def bounds_hold(self) -> None:
        targets = [sizes.target(self.state, group) for group in GROUPS]
        assert sum(targets) <= small().maximum
        for group, size in zip(GROUPS, targets, strict=True):
            least, most = sizes.limits(self.state, group, self.now)
            assert least <= most
            assert size <= most <= small().maximum

    @invariant()
    def nothing_is_shared(self) -> None:
        used = [one.address for one in self.state.instances.values() if one.address]
        ids = [instance_id(self.state, one) for one in self.state.instances.values()]
        assert len(set(used)) == len(used)
        assert len(set(ids)) == len(ids)

    def teardown(self) -> None:
        """Let everything succeed: what remains are nodes, each with its machine."""
        for _ in range(200):
            self.now += 11.0
            for name, one in self.cloud.items():
                if one.phase is MachinePhase.CREATING:
                    self.cloud[name] = replace(one, phase=MachinePhase.RUNNING)
            self.cloud = {n: one for n, one in self.cloud.items() if one.phase is not MachinePhase.DELETING}
            self.look()
            self.state = outcomes.late(self.state, self.now)
            for action in todo(self.state, self.now):
                self._carry_out(action, "good")
        assert {one.phase for one in self.state.instances.values()} <= {InstancePhase.RUNNING}
        assert self.state.instances.keys() == self.cloud.keys()
        assert self.nodes.keys() == {"prod-web-1", *self.cloud}
        assert todo(self.state, self.now) == ()

    def _carry_out(self, action: Action, result: str) -> None:
        name = action.name
        if action.kind is Kind.CREATE:
            self._create(name, result)
        elif action.kind is Kind.INSTALL:
            if result == "good":
                self.nodes[name] = SeenNode(name, f"k3s://{name}", ready=True)
                self.state = outcomes.installed(self.state, name)
            else:
                self.state = outcomes.failed(self.state, name, Fault("NotInstalled", result), self.now)
        elif action.kind is Kind.DELETE:
            if result == "good":
                self.cloud.pop(name, None)
                self.state = outcomes.deleting(self.state, name, self.now)
            else:
                self.state = outcomes.not_done(self.state, name, result, self.now)
        elif result == "good":
            self.nodes.pop(name, None)
            self.state = outcomes.forgotten(self.state, name, self.now)

    def _create(self, name: str, result: str) -> None:
        address = free_address(self.state, name)
        if address is None:
            self.state = outcomes.failed(
                self.state, name, Fault("NoAddress", "none", exhausted=True), self.now
            )
            return
        self.state = outcomes.creating(self.state, name, address)
        group = self.state.instances[name].group
        made = machine(name, group, MachinePhase.CREATING, id=f"id-{name}", address=address, created=self.now)
        if result in {"good", "lost"}:
            self.cloud.setdefault(name, made)
        if result == "good":
            self.state = outcomes.created(self.state, name, self.cloud[name], self.now)
        elif result == "taken":
            self.state = outcomes.address_taken(self.state, name)
        else:
            fault = Fault("NotCreated", result, exhausted=result == "full")
            self.state = outcomes.not_created(self.state, name, fault, self.now)


TestCore = Core.TestCase
TestCore.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
