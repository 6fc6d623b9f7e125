"""The steps: each is defined in one place, with title, stage, what it repairs, and how it is carried out."""
