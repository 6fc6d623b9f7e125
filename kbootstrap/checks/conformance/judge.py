"""Applies all audits to nodes: one result for each audit that is about a node."""

from __future__ import annotations

from collections.abc import Iterator

from kbootstrap.checks.conformance import remedies
from kbootstrap.checks.conformance.audit import Audit, FileReading, OwnReading
from kbootstrap.checks.conformance.audited_node import AuditedNode
from kbootstrap.checks.conformance.catalogue import audits
from kbootstrap.checks.conformance.config_files import Unread
from kbootstrap.checks.conformance.file_audits import judge_files
from kbootstrap.checks.conformance.own_audits import JUDGES
from kbootstrap.checks.conformance.settings import judge_settings
from kbootstrap.checks.report import Outcome, Result, Rule, Subject
from kbootstrap.checks.verdict import PASSED, Verdict, failed, unknown
from kbootstrap.cluster.state.audit_facts import AuditFacts
from kbootstrap.core.diagnostics import Severity

REACHED = Rule(
    "node", "The node can be read", Severity.ERROR, "Nothing is known of a node that does not answer."
)


def audit(facts: AuditFacts, node: AuditedNode) -> Iterator[Result]:
    """Yield the results of a node."""
    subject = Subject("Node", facts.name)
    for one in audits():
        verdict = _judged(one, facts, node) if node.applies(one) else None
        if verdict:
            yield Result(one.rule, subject, verdict.outcome, verdict.found, verdict.fix)


def silent(name: str, reason: str) -> Result:
    """Return the result of a node that could not be read at all."""
    return Result(REACHED, Subject("Node", name), Outcome.UNKNOWN, reason)


def _judged(one: Audit, facts: AuditFacts, node: AuditedNode) -> Verdict | None:
    try:
        match one.reading:
            case FileReading():
                return judge_files(one, one.reading, facts, node)
            case OwnReading():
                problem = JUDGES[one.reading.name](facts, node)
                return failed(problem, remedies.own(one, node)) if problem else PASSED
            case _:
                return judge_settings(one, one.reading, one.expected, facts, node) if one.expected else None
    except Unread as reason:
        return unknown(str(reason))
