"""Built-in places, and what can be put around any place."""
