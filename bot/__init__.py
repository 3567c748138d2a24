"""Everything that knows Rasa.

Two worlds share this folder. `client`, `server`, `training` and their neighbours belong to the
house (Python 3.11) and never import rasa. `conventions`, `guide`, `tracker_store` and `discretion`
are loaded by Rasa itself, in its own Python 3.10 environment.
"""
