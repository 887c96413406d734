"""What a job is to Celery: the one task, and upkeep."""
