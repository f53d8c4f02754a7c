"""What contacting students returns: over assumptions, with its doubt, and by how many are contacted."""
