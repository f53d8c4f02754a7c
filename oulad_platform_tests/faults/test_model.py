"""Models that cannot be learnt, were tampered with, or would depend on the machine."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from oulad_platform.defs.io_managers import MODEL_INDEX, stored_models
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.success.modelling.codec import to_bytes
from oulad_platform.success.modelling.learners import fit_blend, fit_boosting, fit_logistic
from oulad_platform_tests.success.modelling.test_codec import FEATURES, LABELS, VALUES, model, of


def stored(home: Path) -> Platform:
    """An installation with one model."""
    platform = Platform(Settings(artifacts_uri=str(home), lake_uri=str(home / "lake"), pipeline_demo_mode=True))
    content = to_bytes(model("logistic"))
    index = {"2013J": {"file": "2013J", "sha256": hashlib.sha256(content).hexdigest()}}
    platform.artifacts.put("models/2013J.model", content)
    platform.artifacts.put(MODEL_INDEX, json.dumps(index).encode())
    return platform


@pytest.mark.fault("D6")
@pytest.mark.parametrize("where", [0, 100, -1])
def test_a_model_changed_by_one_byte_is_refused_before_it_is_read(where: int, tmp_path: Path) -> None:
    platform = stored(tmp_path)
    assert list(stored_models(platform)) == ["2013J"]
    file = tmp_path / "models/2013J.model"
    content = bytearray(file.read_bytes())
    content[where] ^= 1
    file.write_bytes(content)
    with pytest.raises(StorageError, match=r"2013J\.model: SHA-256 is .*the file was changed"):
        stored_models(platform)


@pytest.mark.fault("D6")
def test_a_model_that_is_cut_or_gone_is_refused(tmp_path: Path) -> None:
    platform, file = stored(tmp_path), tmp_path / "models/2013J.model"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(StorageError, match="the file was changed"):
        stored_models(platform)
    file.unlink()
    with pytest.raises(MissingFileError, match=r"2013J\.model is not there"):
        stored_models(platform)
    shutil.rmtree(tmp_path / "models")
    with pytest.raises(MissingFileError):
        stored_models(platform)


@pytest.mark.fault("D2")
@pytest.mark.parametrize("kind", ["boosting", "logistic"])
def test_a_constant_feature_leaves_every_score_finite(kind: str) -> None:
    values = np.column_stack([VALUES[:, 0], np.full(len(VALUES), 3.0)])
    if kind == "boosting":
        learner = fit_boosting(values, LABELS, 7)
    else:
        learner = fit_logistic(values, LABELS, 7, names=("clicks_7d", "clicks_14d"))
    margins = learner.margin(values)
    assert np.isfinite(margins).all()
    assert margins[LABELS == 1].mean() > margins[LABELS == 0].mean()


@pytest.mark.fault("D10")
@pytest.mark.parametrize("kind", ["gradient_boosting", "blend"])
def test_one_thread_and_two_fit_the_same_model(kind: str) -> None:
    margins = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            if kind == "blend":
                learner = fit_blend(of("blend"), LABELS, 7, names=FEATURES["blend"])
            else:
                learner = fit_boosting(VALUES, LABELS, 7)
            margins.append(learner.margin(of(kind)).tobytes())
    assert margins[0] == margins[1]
