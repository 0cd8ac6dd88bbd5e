"""This computer: its drives, and what else a desktop has. It imports nothing but the api."""
