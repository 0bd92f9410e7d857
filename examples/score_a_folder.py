"""Score motions that any system made for the test captions: ``python examples/score_a_folder.py FOLDER``.

FOLDER holds CLIP.npy, joints or features, a motion for each test clip's first caption; a second argument is
the data folder of the project whose evaluators measure. ``lamp evaluate --motions FOLDER`` does the same.
"""

import sys
from pathlib import Path

import torch

from lamp_core.config.files import load_params
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.evaluation.external import measure_motions
from lamp_core.evaluation.trained import Trained
from lamp_core.systems.catalogue import MODELS

folder, data = Path(sys.argv[1]), Path(sys.argv[2] if sys.argv[2:] else "data")
params = load_params(data.parent / "params.yaml")
models = Trained(data, params, FeatureSet.load(data / "features"), torch.device("cpu"), MODELS)
families, read = measure_motions(models, folder, name=folder.name)
print(read.summary)
for row in families["text_to_motion"]:
    print(f"{row.system:14} {row.metric:28} {row.value:8.3f} ± {row.interval:.3f}")
