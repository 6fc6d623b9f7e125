"""kbootstrap: one YAML file to running Kubernetes clusters. Start reading at `commands/apply.py`."""

__version__ = "0.1.0"
