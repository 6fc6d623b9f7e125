"""What providers of clouds share."""
