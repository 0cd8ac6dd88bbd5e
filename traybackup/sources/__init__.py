"""What can be saved: folders with the databases in them."""
