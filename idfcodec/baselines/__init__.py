"""Real-valued (and discrete) normalizing flows: what the integer flow came from, on the same data, in the same units.

`contract.py` says what a transform and a model are; `families.py` builds and loads models by name; every family has a
file of its own.
"""
