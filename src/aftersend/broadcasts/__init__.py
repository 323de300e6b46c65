"""Broadcasts: contacts, lists, templates, and mail to many of them, one row for each person whatever becomes of it."""
