"""Taking over another tool's files and history, with proof."""
