"""The inventory: the created machines, and how to reach them."""
