"""Progress on standard error, where a person is watching."""

from collections.abc import Callable, Generator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from napari_scarseg.cli.flow import Step

ResultT = TypeVar("ResultT")


class ProgressBar:
    """The stage at hand, and above it all cases where there are several; silent where standard error is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("reading", total=None)

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Show what is being done, with no end in sight."""
        self._progress.update(self._task, description=text, completed=0, total=None)

    def count(self, title: str, total: int) -> Callable[[], None]:
        """Show `title` with `total` steps ahead; the function that is given back moves the bar by one."""
        self._progress.update(self._task, description=title, completed=0, total=total)
        return lambda: self._progress.advance(self._task)

    def count_cases(self, title: str, total: int) -> Callable[[], None]:
        """A bar of its own for `total` cases, where there are several; what is given back moves it by one."""
        if total < 2:
            return lambda: None
        self._progress.update(self._task, visible=False)
        cases = self._progress.add_task(title, total=total)
        return lambda: self._progress.advance(cases)

    def follow(self, title: str, steps: Generator[Step, None, ResultT]) -> ResultT:
        """Run a generator of steps to its end and return its result; Ctrl+C closes it."""
        try:
            while True:
                step = next(steps)
                self._progress.update(
                    self._task,
                    description=f"{title}: {step.stage.value}",
                    completed=step.done,
                    total=step.total,
                    visible=True,
                )
        except StopIteration as end:
            result: ResultT = end.value
            return result
        finally:
            steps.close()
