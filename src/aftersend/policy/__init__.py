"""Decide: gates, retry times, limits, diagnosis, what follows from a reply. Pure: values in, values out."""
