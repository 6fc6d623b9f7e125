"""How the suite itself runs: what tests may see of a machine, what is repeated, and what a run amounts to."""
