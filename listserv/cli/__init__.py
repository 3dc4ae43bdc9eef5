"""The commands: nouns, then verbs; each noun is loaded when it is asked for."""
