"""What commands share: a cluster's context, its prepared root, what was observed, and changes of nodes."""
