"""The warehouse with a login of each role, made once."""

from __future__ import annotations

from oulad_platform_tests.storage.accounts import server

__all__ = ["server"]
