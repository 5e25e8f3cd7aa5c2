"""`scarseg experiment`: an experiment of the paper, from its configuration to its page."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from napari_scarseg.errors import InputError
from napari_scarseg.experiments.catalogue import find_experiment
from napari_scarseg.experiments.config import read_experiment
from napari_scarseg.experiments.data import prepare_data
from napari_scarseg.experiments.execute import execute_runs
from napari_scarseg.experiments.page import write_experiment
from napari_scarseg.experiments.results import collect_runs
from napari_scarseg.io import atomic_path

CONFIG_COPY = "config.toml"


def experiment(
    name: Annotated[str, typer.Argument(help="Which experiment; an unknown name lists them.")],
    config: Annotated[Path, typer.Argument(help="TOML file; paths in it are relative to it.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the experiment.")],
    workers: Annotated[int, typer.Option(min=1, help="Runs side by side; the results do not depend on it.")] = 1,
) -> None:
    """Plan the runs, finish them, and write tables, figures and a page that says what was shown and what was not.

    Called again, finished runs are taken as they are and a killed one goes on from its checkpoint.
    """
    chosen = find_experiment(name)
    settings = read_experiment(config, chosen.config)
    _copy_config(config, output)
    console = Console(stderr=True)
    console.print("Reading the data.")
    data = prepare_data(settings, output / "data")
    runs = chosen.plan(settings, data)
    if not runs:
        raise InputError("The configuration asks for no run; name what is to be compared.")
    folder = output / "runs"
    with Progress(console=console) as progress:
        task = progress.add_task(name, total=len(runs))
        for done in execute_runs(runs, folder, workers=workers, threads=settings.threads):
            progress.advance(task)
            how = "finished before" if done.was_skipped else f"{done.seconds:.0f} s"
            console.print(f"{done.run.folder_name}: {how}")
    tables = collect_runs(runs, folder)
    findings = chosen.find(settings, data, runs, tables, folder)
    write_experiment(chosen, settings, data, runs, tables, findings, output)
    out = Console()
    for sentence in (*findings.shown, *findings.not_shown):
        out.print(sentence, markup=False, highlight=False)
    out.print(f"Wrote {output.name}/report.html.", markup=False, highlight=False)


def _copy_config(config: Path, output: Path) -> None:
    """The configuration as it was given, beside the results."""
    if config.resolve() == (output / CONFIG_COPY).resolve():
        return
    with atomic_path(output / CONFIG_COPY) as temporary:
        shutil.copyfile(config, temporary)
