from lamp_core.report.main_metrics import COLUMNS, main_metrics


def test_main_metrics_stand_beside_what_they_have_to_beat() -> None:
    metrics = {
        "tokenizer/RVQ-VAE/MPJPE": 32.83,
        "tokenizer/RVQ-VAE_first_layer/MPJPE": 40.1,
        "tokenizer/untrained/MPJPE": 412.0,
        "text_to_motion/LaMP-T2M/R-Precision_top_1": 0.5125,
        "text_to_motion/ground_truth/R-Precision_top_1": 0.75,
    }
    assert len(COLUMNS) == 5
    assert main_metrics(metrics) == [
        ["Text to motion, R-Precision top 1, %", "51.2", "", "", "75.0", ""],
        ["Tokenizer, MPJPE, mm", "32.8", "412.0", "", "", ""],
    ]


def test_the_oracle_that_knows_most_labels_stands_beside_retrieval() -> None:
    metrics = {
        "retrieval/LaMP-Feat/full_text_to_motion_R1": 14.5,
        "retrieval/oracle_content/full_text_to_motion_R1": 4.13,
        "retrieval/oracle_content_style/full_text_to_motion_R1": 20.43,
    }
    (row,) = main_metrics(metrics)
    assert row[1:] == ["14.50", "", "", "", "20.43"]


def test_several_trained_systems_have_a_row_each() -> None:
    metrics = {"captioning/one/CIDEr": 1.457, "captioning/two/CIDEr": 0.2}
    assert main_metrics(metrics) == [
        ["Captioning, CIDEr, × 100, one", "145.7", "", "", "", ""],
        ["Captioning, CIDEr, × 100, two", "20.0", "", "", "", ""],
    ]
