"""What a skilled user would write today; runs in .venv-bench and imports nothing from ecograph."""
