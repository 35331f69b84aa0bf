"""reviewbot: reviews a diff with a language model on your own machine.

The folders are the pipeline: text, `diff`, `model`, `findings`, `report`.
"""
