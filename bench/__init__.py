"""Programs that measure, and programs that try to break the promise."""
