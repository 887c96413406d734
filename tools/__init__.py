"""Small scripts behind `make check` and `make docs`."""
