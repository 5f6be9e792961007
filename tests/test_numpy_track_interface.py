"""The public interface of the NumPy track: names, arguments, order, and what may be imported."""

import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

from course_utils import numpy_track
from course_utils.numpy_track import lstm_baseline, training_utils

FOLDER = Path(numpy_track.__file__).parent
FORWARD = "forward(self, sequence, return_sequences=True, return_state=False)"
RELATIONAL = "num_slots=4, slot_size=64, num_heads=2"
INTERFACE = {
    "training_utils": [
        "cross_entropy_loss(predictions, targets)",
        "mse_loss(predictions, targets)",
        "softmax(logits)",
        "accuracy(predictions, targets)",
        "compute_numerical_gradient(model, X_batch, y_batch, loss_fn, epsilon=1e-05)",
        "compute_numerical_gradient_fast(model, X_batch, y_batch, loss_fn, epsilon=1e-05)",
        "clip_gradients(grads, max_norm=5.0)",
        "learning_rate_schedule(epoch, initial_lr=0.001, decay=0.95, decay_every=10)",
        "EarlyStopping(patience=10, min_delta=0.0001)",
        "EarlyStopping.__call__(self, val_loss, model_params=None)",
        "EarlyStopping.get_best_params(self)",
        "train_step(model, X_batch, y_batch, learning_rate=0.001, clip_norm=5.0, "
        "task='classification')",
        "evaluate(model, X_test, y_test, task='classification', batch_size=32)",
        "create_batches(X, y, batch_size=32, shuffle=True)",
        "train_model(model, train_data, val_data, epochs=100, batch_size=32, learning_rate=0.001, "
        "lr_decay=0.95, lr_decay_every=10, clip_norm=5.0, patience=10, task='classification', "
        "verbose=True)",
        "plot_training_curves(history, save_path=None)",
    ],
    "lstm_baseline": [
        "orthogonal_initializer(shape, gain=1.0)",
        "xavier_initializer(shape)",
        "LSTM(input_size, hidden_size, output_size=None)",
        f"LSTM.{FORWARD}",
        "LSTM.get_params(self)",
        "LSTM.set_params(self, params)",
        "LSTM.loss_and_grads(self, X, y, task='classification')",
    ],
    "relational_rnn": [
        f"RelationalMemory({RELATIONAL}, input_size=None)",
        f"RelationalRNNCell(input_size, hidden_size, {RELATIONAL})",
        f"RelationalRNN(input_size, hidden_size, output_size, {RELATIONAL})",
        f"RelationalRNN.{FORWARD}",
        "RelationalRNN.get_params(self)",
        "RelationalRNN.set_params(self, params)",
        "RelationalRNN.loss_and_grads(self, X, y, task='classification')",
    ],
    "attention": [
        "scaled_dot_product_attention(Q, K, V, mask=None)",
        "multi_head_attention(Q, K, V, num_heads=4, W_q=None, W_k=None, W_v=None, W_o=None, "
        "mask=None)",
        "create_causal_mask(seq_len)",
    ],
    "tasks": [
        "generate_object_tracking(n_samples=1000, seq_len=15, n_objects=3, grid_size=5)",
        "generate_pair_matching(n_samples=1000, seq_len=10, vocab_size=20)",
        "generate_babi_simple(n_samples=1000, max_facts=5, n_entities=5, n_locations=4)",
        "generate_nth_farthest(n_samples=1000, num_vectors=8, vector_size=16, n=None)",
        "create_train_test_split(X, y, test_ratio=0.2, seed=42)",
        "normalize_sequences(X, method='minmax')",
    ],
    "training_demo": ["main(arguments=None)"],
}
CALLS = [(module, call) for module, calls in INTERFACE.items() for call in calls]


@pytest.mark.parametrize(("module", "call"), CALLS, ids=[call.split("(")[0] for _, call in CALLS])
def test_arguments_stand_in_their_order_and_new_ones_go_by_keyword(module, call):
    found = importlib.import_module(f"course_utils.numpy_track.{module}")
    name = call.split("(")[0]
    for part in name.split("."):
        found = getattr(found, part)
    parameters = inspect.signature(found).parameters.values()
    by_position = [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}"
        for p in parameters
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    assert f"{name}({', '.join(by_position)})" == call
    rest = [p for p in parameters if p.kind is not p.POSITIONAL_OR_KEYWORD]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in rest)


@pytest.mark.parametrize("call", INTERFACE["tasks"])
def test_every_task_takes_rng(call):
    tasks = importlib.import_module("course_utils.numpy_track.tasks")
    function = getattr(tasks, call.split("(")[0])
    assert call.startswith("normalize") or "rng" in inspect.signature(function).parameters


def test_the_front_holds_these_names_and_no_others():
    functions = {call.split("(")[0].split(".")[0] for call in INTERFACE["training_utils"]}
    assert set(training_utils.__all__) == functions
    assert sorted(lstm_baseline.__all__) == ["LSTM", "orthogonal_initializer", "xavier_initializer"]


def modules():
    return sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_numpy_and_its_neighbours(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top_level = set(tree.body)
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top == "matplotlib":
                assert node not in top_level, "matplotlib is imported where it is needed"
            elif top == "course_utils":
                of_track = name.startswith("course_utils.numpy_track")
                assert of_track or ast.unparse(node) == "from course_utils import seeding", name
            else:
                assert top == "numpy" or top in sys.stdlib_module_names, name


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_a_module_is_short_and_draws_from_no_global_generator(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    draws = {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np.random"
    }
    assert draws <= {"Generator"}
