"""The Rasa bot, its training, and its client.

`components` runs inside Rasa, in bot/.venv. Everything else runs in .venv and never imports rasa.
"""
