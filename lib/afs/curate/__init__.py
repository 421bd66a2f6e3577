"""Curation: which samples are kept, and what they are worth."""
