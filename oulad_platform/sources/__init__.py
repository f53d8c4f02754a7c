"""Frames from the world: OULAD files, the demo campus, the registrar. Reads; keeps nothing."""
