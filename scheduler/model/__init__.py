"""Nouns and facts, pure: jobs, fire times, events, commands and the errors raised on purpose."""
