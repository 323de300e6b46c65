"""Webhooks: tell other systems what happened, every event at least once and in order for each recipient."""
