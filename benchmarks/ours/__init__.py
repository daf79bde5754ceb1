"""ecograph's own side of each benchmark, a process a run."""
