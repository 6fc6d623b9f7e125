"""A plan as one document for all views, and as a file for a later `apply`."""
