"""Contacts, the lists they stand on, and people read from files. What is sent to a list goes out as one message (`web.mailings`)."""
