"""One self-contained page for leadership; its figures come from the other rooms' tables, small counts suppressed."""
