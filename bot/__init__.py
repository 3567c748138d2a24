"""Everything that knows Rasa.

`components` runs inside Rasa, in the bot's own environment. The rest of this folder runs in the
house's environment and never imports rasa.
"""
