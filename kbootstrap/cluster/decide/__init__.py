"""Facts and desired state in, ordered steps out; pure."""
