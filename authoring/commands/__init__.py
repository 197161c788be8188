"""What `python -m authoring` can do: one module a command."""
