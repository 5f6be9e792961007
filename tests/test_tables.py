"""Tables: what the preparation learns, the MLP as a classifier, and the predictor in its file."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from course_utils.predictor import load_predictor, save_predictor
from course_utils.seeding import rng
from course_utils.tables import TableMLP, preparation


@pytest.fixture(scope="module")
def table():
    draw = rng(0)
    size, colour = draw.normal(5, 2, 120), draw.choice(["red", "blue", "green"], 120)
    label = np.where(size + 2 * (colour == "red") + draw.normal(0, 0.5, 120) > 6, "big", "small")
    frame = pd.DataFrame({"size": size, "age": draw.uniform(0, 9, 120), "colour": colour})
    frame.loc[draw.choice(120, 15, replace=False), "size"] = np.nan
    frame.loc[draw.choice(120, 9, replace=False), "colour"] = np.nan
    return frame, label


def fitted(table, numbers=("size", "age"), categories=("colour",), **options):
    pipeline = make_pipeline(preparation(numbers, categories), TableMLP(epochs=15, **options))
    return pipeline.fit(*table)


def test_the_preparation_learns_from_the_rows_it_is_fitted_on_alone(table):
    frame, _ = table
    prepare = preparation(["size"], ["colour"]).fit(frame[:60])
    new = pd.DataFrame({"size": [np.nan], "colour": ["violet"]})
    [row] = prepare.transform(new)
    train = frame["size"][:60].fillna(frame["size"][:60].median())
    assert row[0] == pytest.approx((frame["size"][:60].median() - train.mean()) / train.std(ddof=0))
    assert row[1] > 0 and (row[2:] == 0).all()  # the flag of a gap; no colour


def test_the_mlp_is_a_classifier_of_scikit_learn(table):
    pipeline = make_pipeline(preparation(["size", "age"], ["colour"]), TableMLP())
    assert cross_val_score(pipeline, *table, cv=3).mean() > 0.7
    assert clone(TableMLP(hidden_sizes=(8,))).hidden_sizes == (8,)


def test_the_same_seed_gives_the_same_model_and_another_does_not(table):
    first, again, other = (fitted(table, seed=s).predict_proba(table[0]) for s in (0, 0, 1))
    assert (first == again).all() and not np.allclose(first, other)


def test_classes_keep_their_names_and_order(table):
    pipeline = fitted(table)
    assert pipeline[-1].classes_.tolist() == ["big", "small"]
    probs = pipeline.predict_proba(table[0])
    assert np.allclose(probs.sum(axis=1), 1)
    assert (pipeline.predict(table[0]) == np.array(["big", "small"])[probs.argmax(axis=1)]).all()


def test_the_mlp_refuses_gaps_and_a_single_class():
    with pytest.raises(ValueError, match="1 that are not finite"):
        TableMLP().fit([[1.0], [np.nan], [2.0]], [0, 1, 0])
    with pytest.raises(ValueError, match="at least two classes"):
        TableMLP().fit(np.zeros((4, 1)), [1, 1, 1, 1])


@pytest.mark.parametrize(
    ("numbers", "categories"),
    [(("size", "age"), ("colour",)), (("age", "size"), ()), ((), ("colour",)), (("age",), ())],
)
@pytest.mark.parametrize("hidden_sizes", [(8,), (8, 4), ()])
def test_a_predictor_says_what_its_pipeline_says(
    tmp_path, table, numbers, categories, hidden_sizes
):
    pipeline = fitted(table, numbers, categories, hidden_sizes=hidden_sizes)
    save_predictor(tmp_path / "model.pt", pipeline, table[0])
    new = table[0][::-1].assign(colour="violet", more=1)[["more", "colour", "age", "size"]]
    for rows in (table[0], new):
        found = load_predictor(tmp_path / "model.pt")(rows)
        assert found.columns.tolist() == ["big", "small"] and (found.index == rows.index).all()
        expected = pipeline.predict_proba(rows)
        np.testing.assert_allclose(found.to_numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.drop(columns="age"), r"columns \['age'\] are missing"),
        (lambda x: x.assign(age=x["age"].astype(str)), "'age' must hold numbers"),
        (lambda x: x.assign(age=100 * x["age"]), "Is it in another unit"),
        (lambda x: x.assign(size=-x["size"]), "in training it went from"),
        (lambda x: x.assign(age=np.inf), "age is inf in row 0"),
    ],
)
def test_a_predictor_refuses_other_tables(tmp_path, table, change, message):
    save_predictor(tmp_path / "model.pt", fitted(table), table[0])
    with pytest.raises(ValueError, match=message):
        load_predictor(tmp_path / "model.pt")(change(table[0]))


def test_the_file_is_read_without_running_anything(tmp_path, table):
    save_predictor(tmp_path / "model.pt", fitted(table), table[0])
    kept = torch.load(tmp_path / "model.pt", weights_only=True)
    assert kept["categories"]["colour"] == ["blue", "green", "missing", "red"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_other_files_and_pipelines_are_refused(tmp_path, table):
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="holds no predictor"):
        load_predictor(tmp_path / "other.pt")
    logistic = make_pipeline(preparation(["age"]), LogisticRegression()).fit(*table)
    with pytest.raises(ValueError, match="LogisticRegression"):
        save_predictor(tmp_path / "model.pt", logistic, table[0])
    assert not (tmp_path / "model.pt").exists()
