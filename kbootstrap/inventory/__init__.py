"""The inventory room: machines as they were made, and how they are reached."""
