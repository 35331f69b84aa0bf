"""The Celery worker: takes a job's id from the broker and runs that job; the service fills it."""
