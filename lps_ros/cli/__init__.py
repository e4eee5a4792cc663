"""The `lps` command."""
