"""Telling people: what an alert becomes look by look, which messages that makes, and their way.

`grouping`, `state`, `quiet` and `messages` are pure. `desk` joins them with the store and with
`delivery`, the only part that talks to the world.
"""
