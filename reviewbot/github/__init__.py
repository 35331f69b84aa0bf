"""GitHub's side: deliveries are read, pull requests fetched, and reviews and checks posted."""
