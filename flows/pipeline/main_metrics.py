"""The few numbers that say how good a run is: each trained system beside what it has to beat."""

from collections.abc import Mapping

MAIN_STAGE = "evaluate"
COLUMNS = ("trained", "untrained", "chance", "ground truth")
# The system of each column, or the systems of which there is one.
TOKENIZER = (("VQ-VAE", "RVQ-VAE"), ("untrained",))
GENERATION = (("LaMP-T2M",), ("untrained",), ("chance",), ("ground_truth",))
RETRIEVAL = (("LaMP-Feat",), ("untrained",), ("chance",))
CAPTIONING = (("LaMP-M2T",),)
MAIN_METRICS = (
    ("tokenizer MPJPE, mm", "tokenizer", TOKENIZER, "MPJPE", 1),
    ("tokenizer FID", "tokenizer", TOKENIZER, "FID", 1),
    *(
        (f"text to motion R-Precision top {k}, %", "text_to_motion", GENERATION, f"R-Precision_top_{k}", 100)
        for k in (1, 2, 3)
    ),
    ("text to motion FID", "text_to_motion", GENERATION, "FID", 1),
    ("text to motion MM-Dist", "text_to_motion", GENERATION, "MM-Dist", 1),
    *(
        (f"retrieval, {direction}, full, {metric}", "retrieval", RETRIEVAL, f"full_{key}_{metric}", 1)
        for direction, key in (("text to motion", "text_to_motion"), ("motion to text", "motion_to_text"))
        for metric in ("R1", "R10", "MedR")
    ),
    ("captioning BLEU-4, %", "captioning", CAPTIONING, "BLEU-4", 100),
    ("captioning CIDEr", "captioning", CAPTIONING, "CIDEr", 1),
    ("LaMP-BertScore (true motion), %", "lamp_bert_score", GENERATION, "LaMP-BertScore_true_motion", 100),
)


def main_metrics(metrics: Mapping[str, float]) -> list[list[str]]:
    """A row for each main metric: its name and a cell for each of `COLUMNS`, empty where there is no number.

    Args:
        metrics: those of the stage `MAIN_STAGE`.
    """
    rows = []
    for label, family, systems, metric, factor in MAIN_METRICS:
        found = [[f"{family}/{system}/{metric}" for system in column] for column in systems]
        cells = [
            next((f"{factor * metrics[key]:,.1f}" for key in keys if key in metrics), "") for keys in found
        ]
        rows.append([label, *cells, *[""] * (len(COLUMNS) - len(cells))])
    return [row for row in rows if any(row[1:])]
