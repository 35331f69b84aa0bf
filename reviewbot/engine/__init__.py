"""FileDiffs come in; out comes the Plan of what to ask, and then the Review.

`plan` is pure; `review` is one coroutine around one TaskGroup. The command line and the service
both call these two, so that they say the same about the same diff.
"""

from reviewbot.engine.plan import Plan, count_exactly, plan, preview
from reviewbot.engine.review import Answered, Tell, review
from reviewbot.engine.stages import Stages

__all__ = ["Answered", "Plan", "Stages", "Tell", "count_exactly", "plan", "preview", "review"]
