"""The demonstration: a small sample till is saved, verified, damaged, restored and compared.

Nothing in it is real: shop, articles, customers and keys are invented on the spot.
"""
