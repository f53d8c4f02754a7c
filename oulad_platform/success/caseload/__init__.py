"""Whom each adviser contacts first, why, why now, and what became of the contacts."""
