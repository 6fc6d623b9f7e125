"""Reports as JUnit XML, the form in which CI systems show the results of tests.

A cluster is a test suite, a rule for an object a test case. What could not be read is an
error, not a failure.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from kbootstrap.checks.report import Outcome, Report, Reports, Result
from kbootstrap.views.report_data import yaml_text
from kbootstrap.views.screen import harmless


def report_junit(reports: Reports) -> str:
    """Return all reports as one XML document."""
    root = ET.Element("testsuites", name=f"kbootstrap {reports.check}")
    for report in reports.clusters:
        root.append(_suite(report, reports.check))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}'


def _suite(report: Report, check: str) -> ET.Element:
    unknown = len(report.of(Outcome.UNKNOWN)) + bool(report.failure)
    suite = ET.Element(
        "testsuite",
        name=report.cluster,
        tests=str(len(report.results) + bool(report.failure)),
        failures=str(len(report.of(Outcome.FAILED))),
        errors=str(unknown),
    )
    for one in report.results:
        suite.append(_case(one, check))
    if report.failure:
        case = ET.SubElement(suite, "testcase", classname=check, name="the cluster can be read")
        ET.SubElement(case, "error", message=harmless(report.failure))
    return suite


def _case(one: Result, check: str) -> ET.Element:
    case = ET.Element("testcase", classname=f"{check}.{one.rule.id}", name=f"{one.subject}")
    if one.outcome is Outcome.UNKNOWN:
        ET.SubElement(case, "error", message=harmless(one.found))
    elif one.outcome is Outcome.FAILED:
        failure = ET.SubElement(case, "failure", type=str(one.rule.severity), message=harmless(one.found))
        parts = [one.rule.means, one.fix, yaml_text(one.example) if one.example else ""]
        failure.text = harmless("\n".join(filter(None, parts)))
    return case
