"""How good a review is: datasets come in, and what reviews of them found; scores come out."""
