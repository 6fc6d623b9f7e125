"""Reports as JSON: `schemas/report.json` describes it. Keys are added under one version, never changed."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kbootstrap.checks.report import Outcome, Report, Reports, Result
from kbootstrap.core.diagnostics import Severity

VERSION = 1


def report_json(reports: Reports, now: datetime) -> str:
    """Return all reports as one JSON document."""
    document = {
        "version": VERSION,
        "kind": "report",
        "check": reports.check,
        "spec": reports.spec,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "fail_on": str(reports.least),
        "outcome": str(reports.verdict),
        "clusters": [_cluster(one, reports.least) for one in reports.clusters],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _cluster(report: Report, least: Severity) -> dict[str, Any]:
    return {
        "name": report.cluster,
        "outcome": str(report.verdict(least)),
        "failure": report.failure or None,
        "counts": {str(one): len(report.of(one)) for one in Outcome},
        "results": [_result(one) for one in report.results],
    }


def _result(one: Result) -> dict[str, Any]:
    return {
        "id": one.rule.id,
        "title": one.rule.title,
        "severity": str(one.rule.severity),
        "outcome": str(one.outcome),
        "object": {
            "kind": one.subject.kind,
            "namespace": one.subject.namespace or None,
            "name": one.subject.name or None,
        },
        "found": one.found or None,
        "means": one.rule.means,
        "fix": one.fix or None,
        "example": yaml_text(one.example) if one.example else None,
    }


def yaml_text(value: Mapping[str, Any]) -> str:
    """Return keys as YAML in block style, in their order."""
    from ruamel.yaml import YAML

    yaml, text = YAML(), io.StringIO()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    yaml.dump(json.loads(json.dumps(value)), text)  # a copy: equal parts would become anchors
    return text.getvalue()
