"""Answers become Findings on lines that exist, and Findings become a Review."""
