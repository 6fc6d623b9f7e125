"""A plan as one document: what every view of it is made from, and the file that keeps one for `apply`."""
