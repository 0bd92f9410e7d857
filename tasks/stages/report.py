"""Stage ``report``: one self-contained HTML page of everything the run made.

By hand: ``python -m tasks.stages.report``.
"""

from datetime import UTC, datetime

from lamp_core.config import Report
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.store import read_store
from lamp_core.report import collect
from lamp_core.report.experiment_results import read_experiments
from lamp_core.report.figures import verb_confusion, write_figures
from lamp_core.report.highlights import highlights
from lamp_core.report.report import render_report
from lamp_core.report.report_data import ReportData
from lamp_core.report.result_tables import result_tables
from tasks.stage.process import CURVES, StageContext, main
from tasks.stages.declaration import STORE
from tasks.system.machine import commit_label, machine_label


def run(stage: StageContext) -> dict[str, float]:
    """Collect what the other stages wrote and render the page."""
    features = FeatureSet.load(stage.input("features"))
    store, settings = stage.data / STORE, stage.settings(Report)
    written = collect.Written(features, stage.input("ingest"), store, stage.inputs)
    results, found = read_store(store, features.version), collect.gallery_of(written)
    data = ReportData(
        title=f"LaMP on {features.dataset}",
        data_set=features.dataset,
        data_version=features.version[:12],
        profile=stage.config.profile,
        commit=commit_label(),
        machine=machine_label(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        skeleton=features.skeleton.name,
        highlights=highlights(results),
        data=collect.data_summary(written),
        curves=collect.training_curves(written, CURVES),
        tables=result_tables(results),
        experiments=read_experiments(stage.data / "experiments"),
        heat_map=collect.heat_map(*found, settings.heat_map) if found else None,
        comparisons=collect.comparisons(written),
        captioned=collect.captioned(written),
        words=collect.words(written),
        retrievals=collect.retrievals(features, *found, settings.retrievals) if found else [],
        parameters=stage.config.model_dump(exclude={"profile"}),
    )
    page = render_report(data)
    (stage.output / "report.html").write_text(page, encoding="utf-8")
    write_figures(stage.output, data, verb_confusion(found[0].captions, found[1]) if found else None)
    return {"kilobytes": len(page.encode()) / 1024}


if __name__ == "__main__":
    main("report", run)
