"""kbootstrap: one YAML file to running Kubernetes clusters. Start reading at `pipeline.py`."""

__version__ = "0.1.0"
