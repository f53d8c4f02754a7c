"""Where results are kept and delivered: lake, database, artifacts, outbox. Persistence only; no data is computed here."""
