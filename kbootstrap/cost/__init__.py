"""What a cluster costs per month at its smallest, present and largest size, and the budget. Pure."""
