"""Decides the ordered steps from facts and the desired state; pure."""
