"""Why a score is what it is: pushes, reasons in sentences, top features and their picture."""
