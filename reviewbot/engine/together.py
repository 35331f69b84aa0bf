"""Coroutines come in; out come their results in order, with at most so many under way at once."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(work: Iterable[Coroutine[None, None, T]], most: Callable[[], int]) -> list[T]:
    """Run coroutines, at most so many at once, and give their results in order.

    Each is taken when it may begin, one in each turn of the loop: what is known already takes no
    wait of its own, and a hundred such at once would hold the loop up. The first error ends all.
    """
    tasks: list[asyncio.Task[T]] = []
    under_way: set[asyncio.Task[T]] = set()
    one_ended = asyncio.Event()

    def end(task: asyncio.Task[T]) -> None:
        under_way.discard(task)
        one_ended.set()

    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                task = group.create_task(one)
                task.add_done_callback(end)
                tasks.append(task)
                under_way.add(task)
                await asyncio.sleep(0)
                while len(under_way) >= most():
                    one_ended.clear()
                    await one_ended.wait()
    except ExceptionGroup as errors:
        first: Exception = errors
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        raise first from errors
    return [task.result() for task in tasks]
