"""Where the time of a run goes: its events as spans, and the critical path through them. Pure."""
