"""Running suites by Great Expectations: checkpoints over frames, their results, and Data Docs.

Of each suite the latest result is kept, and Data Docs show these; the history of verdicts is in
`ops.check_results`, where it can be queried.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market_assets.quality.expectations.front_page import write_front_page
from market_assets.quality.expectations.laws import Law
from market_assets.quality.expectations.raw_suites import Subject
from market_assets.quality.expectations.verdicts import Breach

if TYPE_CHECKING:
    from market_assets.settings import Settings

_SHOWN = 5
_STORES = {
    "expectations": "ExpectationsStore",
    "results": "ValidationResultsStore",
    "checkpoints": "CheckpointStore",
    "validation_definition_store": "ValidationDefinitionStore",
}
_SITE = "quality"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a checkpoint said about one subject, and its page in Data Docs (below their folder)."""

    breaches: tuple[Breach, ...]
    page: str


class Checkpoints:
    """Great Expectations with its stores in the state folder."""

    def __init__(self, state: Path, site: Path) -> None:
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            ProgressBarsConfig,
        )

        self._state = state
        self._site = site
        self._context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                config_version=4.0,
                expectations_store_name="expectations",
                validation_results_store_name="results",
                checkpoint_store_name="checkpoints",
                stores={
                    name: {"class_name": kind, "store_backend": _folder(state / name)}
                    for name, kind in _STORES.items()
                },
                data_docs_sites={
                    _SITE: {
                        "class_name": "SiteBuilder",
                        "show_how_to_buttons": False,
                        "store_backend": _folder(self._draft),
                        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                    }
                },
                analytics_enabled=False,  # it would call home
                progress_bars=ProgressBarsConfig(globally=False),
            ),
        )
        self._source = self._context.data_sources.add_pandas("warehouse")

    @property
    def _draft(self) -> Path:
        return self._site.with_name(f".{self._site.name}.draft")

    def run(self, subject: Subject) -> Judged:
        """Judge a frame by its suite; the result takes the place of the one before."""
        import great_expectations as gx

        shutil.rmtree(self._state / "results" / Path(*subject.name.split(".")), ignore_errors=True)
        batch = self._source.add_dataframe_asset(subject.name).add_batch_definition_whole_dataframe(
            "window"
        )
        suite = gx.ExpectationSuite(
            name=subject.name, expectations=[_expectation(law) for law in subject.laws]
        )
        definition = gx.ValidationDefinition(name=subject.name, data=batch, suite=suite)
        # Stores the definition and the suite too. Each stored by itself before that, the suite
        # would be compared with itself twice, every law with every other: a fifth of the night.
        checkpoint = self._context.checkpoints.add_or_update(
            gx.Checkpoint(
                name=subject.name,
                validation_definitions=[definition],
                result_format={
                    "result_format": "SUMMARY",
                    "partial_unexpected_count": _SHOWN,
                },
            )
        )
        done: Any = checkpoint.run(batch_parameters={"dataframe": subject.frame})
        [(identifier, result)] = done.run_results.items()
        laws = {law.name: law for law in subject.laws}
        breaches = [
            _breach(laws[item.expectation_config.meta["law"]], item)
            for item in result.results
            if not item.success
        ]
        order = list(laws)
        breaches.sort(key=lambda breach: order.index(breach.law))
        # Where the site builder will put it; it says so itself only once that is done.
        page = "/".join(["validations", *map(str, identifier.to_tuple())]) + ".html"
        return Judged(tuple(breaches), page)

    def build_docs(self, finish: Callable[[Path], None]) -> None:
        """Data Docs of the latest results, in the place of those before, when they are finished."""
        shutil.rmtree(self._draft, ignore_errors=True)
        self._context.build_data_docs()
        finish(self._draft)
        old = self._site.with_name(f".{self._site.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self._site.exists():
            self._site.rename(old)
        self._draft.rename(self._site)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def checkpoints(settings: Settings) -> Iterator[Checkpoints]:
    """Great Expectations for one process at a time; the docs are made when the block ends well."""
    from filelock import FileLock

    state = settings.state_dir.absolute() / "gx"
    state.mkdir(parents=True, exist_ok=True)
    docs = docs_folder(settings)
    docs.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(state / "judging.lock"):
        made = Checkpoints(state, docs)
        yield made
        made.build_docs(lambda folder: write_front_page(settings, folder))


def docs_folder(settings: Settings) -> Path:
    """Data Docs: a folder of those that are served beside the UI."""
    return settings.state_dir.absolute() / "sites" / "quality" / "expectations"


def _folder(path: Path) -> dict[str, str]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(path)}


def _expectation(law: Law) -> Any:
    import great_expectations.expectations as gxe

    severity = "critical" if law.severity == "error" else "warning"
    return getattr(gxe, law.expectation)(
        **law.arguments, severity=severity, meta={"law": law.name}, notes=law.says
    )


def _breach(law: Law, item: Any) -> Breach:
    found = item.result or {}
    raised = [
        about["exception_message"]
        for about in (item.exception_info or {}).values()
        if isinstance(about, dict) and about.get("raised_exception")
    ]
    return Breach(
        law.name, law.says, law.severity, _observed(found, raised), found.get("unexpected_count", 0)
    )


def _observed(found: dict[str, Any], raised: Sequence[str]) -> str:
    """What there was instead, in one short line."""
    if raised:
        return str(raised[0]).strip()
    differing = found.get("details", {}).get("mismatched")
    if differing:
        return ", ".join(f"{what}: {', '.join(names)}" for what, names in differing.items())
    if found.get("partial_unexpected_list"):
        share = found.get("unexpected_percent") or 0.0
        values = ", ".join(map(_short, found["partial_unexpected_list"]))
        return f"{found['unexpected_count']} rows ({share:.3g} %), such as {values}"
    return _short(found.get("observed_value"))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return "(" + ", ".join(map(_short, parts)) + ")"
    return str(value)
