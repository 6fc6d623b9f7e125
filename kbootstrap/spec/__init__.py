"""The spec room: YAML text to a frozen `Spec`, or to diagnostics with their places."""
