"""What a checkpoint can hold: whatever saves also loads, and the run goes on to the last bit."""

import copy
import functools
import re
from collections import OrderedDict, deque, namedtuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim import SGD, Adam, lr_scheduler
from torch.optim.swa_utils import SWALR, AveragedModel

from course_utils.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from course_utils.early_stopping import EarlyStopping
from course_utils.exercises.practice_run import same_state as same
from course_utils.plain_values import from_plain, to_plain
from course_utils.training import History

X = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))


def kinds(value):
    """The types of everything in a state, so that 0.1 and np.float32(0.1) are told apart."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [kinds(item) for item in value]
    return (type(value), value.dtype) if isinstance(value, torch.Tensor) else type(value)


class Run:
    """A model, an optimizer and a schedule that take steps."""

    def __init__(self, seed, make_optimizer, make_scheduler=None, make_model=None):
        torch.manual_seed(seed)
        self.model = nn.Linear(4, 3) if make_model is None else make_model()
        self.optimizer = make_optimizer(self.model.parameters())
        self.scheduler = None if make_scheduler is None else make_scheduler(self.optimizer)

    def steps(self, count=4):
        dtype = next(self.model.parameters()).dtype
        for _ in range(count):

            def closure():
                self.optimizer.zero_grad()
                loss = self.model(X.to(dtype)).abs().square().mean()
                loss.backward()
                return loss

            loss = self.optimizer.step(closure)
            if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
                self.scheduler.step(loss.detach())
            elif self.scheduler is not None:
                self.scheduler.step()

    def parts(self):
        return [part for part in (self.model, self.optimizer, self.scheduler) if part is not None]

    def states(self):
        return copy.deepcopy([part.state_dict() for part in self.parts()])


def assert_goes_on_to_the_last_bit(path, make):
    """``make(seed)`` is a new Run; one that was saved and loaded half way ends as the whole one."""
    whole, resumed = make(1), make(2)
    whole.steps()
    before = whole.states()
    save_checkpoint(path, *whole.parts())
    assert same(whole.states(), before)
    whole.steps()
    resumed.steps(3)
    load_checkpoint(path, *resumed.parts())
    assert same(resumed.states(), before)
    assert kinds(resumed.states()) == kinds(before)
    resumed.steps()
    assert same(resumed.states(), whole.states())
    assert kinds(resumed.states()) == kinds(whole.states())


# ---- schedules


class Decay:
    """A schedule with a state: the rate falls by a share at each step."""

    def __init__(self, share):
        self.share, self.asked = share, 0

    def __call__(self, step):
        self.asked += 1
        return self.share ** (step + self.asked / 100)


def sequential(optimizer):
    parts = [
        lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3),
        lr_scheduler.StepLR(optimizer, 2),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[3])


def chained(optimizer):
    parts = [lr_scheduler.ConstantLR(optimizer, 0.1, 3), lr_scheduler.ExponentialLR(optimizer, 0.9)]
    return lr_scheduler.ChainedScheduler(parts, optimizer)


def nested(optimizer):
    last = lr_scheduler.CosineAnnealingLR(optimizer, 5)
    return lr_scheduler.SequentialLR(optimizer, [sequential(optimizer), last], milestones=[5])


def cyclic(mode, **options):
    return lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=2, mode=mode, **options)


S = lr_scheduler
SCHEDULES = {
    "LambdaLR, function": lambda o: S.LambdaLR(o, lambda step: 1 / (1 + step)),
    "LambdaLR, object": lambda o: S.LambdaLR(o, Decay(np.float64(0.9))),
    "LambdaLR, partial": lambda o: S.LambdaLR(o, functools.partial(pow, 0.9)),
    "MultiplicativeLR, function": lambda o: S.MultiplicativeLR(o, lambda step: 0.9),
    "MultiplicativeLR, object": lambda o: S.MultiplicativeLR(o, Decay(0.99)),
    "StepLR": lambda o: S.StepLR(o, np.int64(3)),
    "MultiStepLR": lambda o: S.MultiStepLR(o, [2, 6]),
    "MultiStepLR, NumPy": lambda o: S.MultiStepLR(o, np.array([2, 6])),
    "ConstantLR": lambda o: S.ConstantLR(o, np.float32(0.3), 6),
    "LinearLR": lambda o: S.LinearLR(o, np.float64(0.1), total_iters=np.int32(6)),
    "ExponentialLR": lambda o: S.ExponentialLR(o, np.float32(0.9)),
    "PolynomialLR": lambda o: S.PolynomialLR(o, np.int64(10), np.float64(2)),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, T_max=np.int64(5)),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "OneCycleLR": lambda o: S.OneCycleLR(o, np.float64(0.1), total_steps=12),
    "OneCycleLR, three phases": lambda o: S.OneCycleLR(o, 0.1, total_steps=12, three_phase=True),
    "CyclicLR, triangular": cyclic("triangular"),
    "CyclicLR, triangular2": cyclic("triangular2"),
    "CyclicLR, exp_range": cyclic("exp_range", gamma=np.float64(0.9)),
    "CyclicLR, function": cyclic("triangular", scale_fn=lambda x: 0.5 ** (x - 1)),
    "CyclicLR, object": lambda o: cyclic("triangular", scale_fn=Decay(0.9))(o),
    "ReduceLROnPlateau": lambda o: S.ReduceLROnPlateau(o, patience=0, threshold=np.float32(0.5)),
    "SequentialLR": sequential,
    "SequentialLR of a SequentialLR": nested,
    "ChainedScheduler": chained,
    "SWALR": lambda o: SWALR(o, swa_lr=np.float64(0.01), anneal_epochs=6),
    "SWALR, linear": lambda o: SWALR(o, swa_lr=0.01, anneal_epochs=6, anneal_strategy="linear"),
}


def test_no_schedule_of_torch_is_forgotten():
    names = {name.split(",")[0].split()[0] for name in SCHEDULES}
    assert set(lr_scheduler.__all__) - {"LRScheduler"} <= names


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_goes_on(tmp_path, name):
    make_optimizer = functools.partial(SGD, lr=0.05, momentum=0.9)
    make = functools.partial(Run, make_optimizer=make_optimizer, make_scheduler=SCHEDULES[name])
    assert_goes_on_to_the_last_bit(tmp_path / "a.pt", make)


@pytest.mark.parametrize(
    ("saved", "own"),
    [
        (sequential, chained),
        (sequential, nested),
        (
            lambda o: S.ChainedScheduler([S.StepLR(o, 3)], o),
            lambda o: S.ChainedScheduler([S.CosineAnnealingLR(o, 3)], o),
        ),
    ],
)
def test_a_composed_schedule_is_told_from_another(tmp_path, saved, own):
    run, other = (Run(i, functools.partial(SGD, lr=1), make) for i, make in enumerate((saved, own)))
    save_checkpoint(tmp_path / "a.pt", *run.parts())
    before = other.states()
    with pytest.raises(CheckpointError, match=r"SequentialLR|ChainedScheduler"):
        load_checkpoint(tmp_path / "a.pt", *other.parts())
    assert same(other.states(), before)


# ---- numbers

NUMBERS = {
    "float64": np.float64(0.05),
    "float32": np.float32(0.05),
    "float16": np.float16(0.05),
    "int64": np.int64(1),
    "uint8": np.uint8(1),
    "array": np.array(0.05, dtype=np.float32),
    "big-endian": np.array(0.05, dtype=">f4"),
    "tensor": torch.tensor(0.05),
    "tensor, double": torch.tensor(0.05, dtype=torch.float64),
    "tensor, bfloat16": torch.tensor(0.05, dtype=torch.bfloat16),
    "tensor, half": torch.tensor(0.05, dtype=torch.float16),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_rate_of_any_type_goes_on_in_the_same_arithmetic(tmp_path, name):
    def make(seed):
        optimizer = functools.partial(SGD, lr=copy.deepcopy(NUMBERS[name]))
        return Run(seed, optimizer, lambda o: S.ExponentialLR(o, 0.9))

    assert_goes_on_to_the_last_bit(tmp_path / "a.pt", make)


def test_every_setting_of_an_optimizer_may_be_a_number_of_numpy(tmp_path):
    rates = np.logspace(-3, -1, 3)
    options = {"betas": (np.float64(0.8), np.float64(0.99)), "eps": np.float64(1e-7)}
    make_optimizer = functools.partial(Adam, lr=rates[1], weight_decay=np.float64(0.1), **options)
    assert_goes_on_to_the_last_bit(
        tmp_path / "a.pt", lambda seed: Run(seed, make_optimizer, SCHEDULES["StepLR"])
    )


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            2,
            2.5,
            1 + 2j,
            -(2**70),
            "text",
            "文字",
            b"bytes",
            bytearray(b"x"),
            float("inf"),
        ),
        *NUMBERS.values(),
        *(
            np.complex64(1j),
            np.uint64(2**63),
            np.zeros((0, 2)),
            np.arange(6).reshape(2, 3)[::-1, ::2],
        ),
        *(np.array([True, False]), np.array(3), np.bool_(True), np.float32("nan"), np.str_("text")),
        *(torch.float32, torch.device("cpu"), torch.Size([2, 3]), torch.zeros(0, 3)),
        *(torch.tensor([1 + 2j]).conj(), torch.eye(2).to_sparse(), torch.eye(2).to_sparse_csr()),
        *(torch.tensor([1, 2]).to(torch.uint16), torch.ones(2).to(torch.float8_e4m3fn)),
        torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        *(
            [1, (2, [np.int64(3)])],
            {1: {"a": np.float64(2)}},
            {(1, "a"): 2},
            {1, 2},
            OrderedDict(b=1),
        ),
        *({np.int64(3): "key of NumPy"}, {np.int64(4)}, {"numpy dtype": 1}),
    ],
    ids=repr,
)
def test_what_a_history_may_hold_comes_back_as_it_was(tmp_path, value):
    model, path = nn.Linear(1, 1), tmp_path / "a.pt"
    history = History(train_loss=[value, value])
    save_checkpoint(path, model, history=history)
    loaded = load_checkpoint(path, model).history.train_loss
    assert len(loaded) == 2
    for got in loaded:
        assert type(got) is (str if isinstance(value, np.str_) else type(value))
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(got, value)
            assert got.dtype == value.dtype
        elif isinstance(value, torch.Tensor):
            assert (got.dtype, got.layout, got.shape) == (value.dtype, value.layout, value.shape)
            dense = got.dequantize() if got.is_quantized else got.to_dense()
            expected = value.dequantize() if value.is_quantized else value.to_dense()
            assert dense.float().tolist() == expected.float().tolist() or got.is_complex()
            assert not got.is_complex() or torch.equal(got, value)
        else:
            assert got == value or value != value


def test_a_loss_with_a_graph_and_a_marked_tensor_are_kept_without(tmp_path):
    weight = nn.Parameter(torch.ones(2))
    weight.owner = object()
    history = History(train_loss=[weight.sum()], val_loss=[weight])
    save_checkpoint(tmp_path / "a.pt", nn.Linear(1, 1), history=history)
    loaded = load_checkpoint(tmp_path / "a.pt", nn.Linear(1, 1)).history
    assert same([loaded.train_loss[0], loaded.val_loss[0]], [torch.tensor(2.0), torch.ones(2)])


Pair = namedtuple("Pair", "a b")


class Loud(torch.Tensor):
    """A tensor of a class of its own."""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "builtins.object"),
        (deque([1]), "collections.deque"),
        (Pair(1, 2), "Pair"),
        (frozenset([1]), "frozenset"),
        (range(3), "range"),
        (print, "builtin_function_or_method"),
        (nn.Linear(1, 1), "Linear"),
        (np.longdouble(1), "numpy.longdouble"),
        (np.array([None]), "dtype object"),
        (np.datetime64("2020-01-01"), "numpy.datetime64"),
        (np.random.default_rng(0), "Generator"),
        (torch.Generator(), "Generator"),
        ({Pair(1, 2): 3}, "a key that is a Pair"),
        (torch.ones(2).as_subclass(Loud), "Loud"),
        (torch.ones(2).to_mkldnn(), "layout torch._mkldnn"),
        (torch.ones(2, device="meta"), "meta device"),
        (nn.UninitializedParameter(), "no shape yet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_back_is_refused_by_name_before_the_old_file_is_touched(
    tmp_path, value, kind
):
    path, model = tmp_path / "a.pt", nn.Linear(1, 1)
    save_checkpoint(path, model, epoch=1)
    old = path.read_bytes()
    place = r"history\['val_loss'\]\[0\]\['deep'\]"
    with pytest.raises(ValueError, match=rf"{place}.*{re.escape(kind)}"):
        save_checkpoint(path, model, history=History(val_loss=[{"deep": value}]))
    assert path.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_a_schedule_that_holds_an_object_is_refused_and_one_without_attributes_too(tmp_path):
    run = Run(0, functools.partial(SGD, lr=0.1), lambda o: S.LambdaLR(o, Decay(0.5)))
    run.scheduler.lr_lambdas[0].model = run.model
    with pytest.raises(
        ValueError, match=r"scheduler.*'lr_lambdas'\]\[0\]\['model'\] is a .*Linear"
    ):
        save_checkpoint(tmp_path / "a.pt", *run.parts())
    run = Run(0, functools.partial(SGD, lr=0.1), lambda o: S.LambdaLR(o, abs))
    with pytest.raises(ValueError, match="must be a def, a lambda, or an object with attributes"):
        save_checkpoint(tmp_path / "a.pt", *run.parts())
    assert not list(tmp_path.iterdir())
    run = Run(0, functools.partial(SGD, lr=0.1), lambda o: S.LambdaLR(o, lambda step: abs(step)))
    save_checkpoint(tmp_path / "a.pt", *run.parts())


def test_plain_values_are_copies():
    original = {"a": [1, {"b": np.float64(2)}]}
    plain = to_plain(original, "it")
    plain["a"][1]["c"] = 3
    assert original == {"a": [1, {"b": 2}]}
    del plain["a"][1]["c"]
    assert from_plain(plain) == original


# ---- optimizers


class Odd(torch.optim.Optimizer):
    """One of one's own, which remembers things that torch's load_state_dict would spoil."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                state = self.state[param]
                state["exact"] = state.get("exact", torch.zeros((), dtype=torch.float64)) + 0.1
                state["count"] = state.get("count", torch.tensor(0)) + 1
                state["mode"], state["array"] = "heavy", np.array(state.get("array", 0.0)) + 1
                state["step"] = np.int64(state.get("step", 0) + 1)
                state["many"] = [*state.get("many", [])[-2:], param.grad.clone()]
                state["by name"] = {"grad": param.grad.clone(), "pair": (1, None)}
                param.sub_(group["lr"] * param.grad * float(state["exact"]) / int(state["count"]))
        return loss


def groups(parameters):
    weight, bias = parameters
    return Adam([{"params": [weight], "lr": 0.01}, {"params": [bias], "betas": (0.5, 0.9)}])


OPTIMIZERS = {
    name: getattr(torch.optim, name)
    for name in dir(torch.optim)
    if isinstance(getattr(torch.optim, name), type) and name not in ("Optimizer", "SparseAdam")
} | {
    "SGD, Nesterov": functools.partial(SGD, lr=0.1, momentum=0.9, nesterov=True),
    "SGD, fused": functools.partial(SGD, lr=0.1, momentum=0.9, fused=True),
    "Adam, amsgrad": functools.partial(Adam, amsgrad=True),
    "Adam, foreach": functools.partial(Adam, foreach=True),
    "Adam, fused": functools.partial(Adam, fused=True),
    "Adam, fused, tensor": lambda p: Adam(p, lr=torch.tensor(0.01), fused=True),
    "Adam, tensors": lambda p: Adam(
        p, lr=torch.tensor(0.01), betas=(torch.tensor(0.9), torch.tensor(0.99))
    ),
    "Adam, maximize": functools.partial(Adam, maximize=True),
    "Adam, groups": groups,
    "LBFGS, Wolfe": functools.partial(torch.optim.LBFGS, line_search_fn="strong_wolfe"),
    "RMSprop, centered": functools.partial(torch.optim.RMSprop, centered=True, momentum=0.9),
    "of one's own": Odd,
}


def no_bias():
    return nn.Linear(4, 3, bias=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on(tmp_path, name, dtype):
    make_model = nn.Linear if name == "Adam, groups" else no_bias  # Muon takes matrices only

    def make(seed):
        model = lambda: (nn.Linear(4, 3) if make_model is nn.Linear else no_bias()).to(dtype)  # noqa: E731
        return Run(seed, OPTIMIZERS[name], make_model=model)

    assert_goes_on_to_the_last_bit(tmp_path / "a.pt", make)


def test_sparse_adam_and_a_model_with_frozen_and_unused_parameters_go_on(tmp_path):
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.unused = nn.Embedding(5, 3, sparse=True), nn.Linear(2, 2)
            self.frozen = nn.Linear(3, 3).requires_grad_(False)

        def forward(self, inputs):
            return self.frozen(self.words((inputs[:, 0] > 0).long()))

    def make(seed):
        run = Run(seed, functools.partial(SGD, lr=0.1), make_model=Words)
        run.optimizer = torch.optim.SparseAdam([run.model.words.weight], lr=0.1)
        return run

    assert_goes_on_to_the_last_bit(tmp_path / "a.pt", make)


# ---- models


class Counting(nn.Module):
    """Extra state of any kind, which grows; and a buffer that is not kept."""

    def __init__(self, start):
        super().__init__()
        self.linear, self.extra = nn.Linear(4, 3), start
        self.register_buffer("not_kept", torch.randn(2), persistent=False)

    def forward(self, inputs):
        if isinstance(self.extra, torch.Tensor):
            self.extra = torch.cat([self.extra, torch.ones(1)])
        elif isinstance(self.extra, dict):
            self.extra = {"calls": self.extra["calls"] + 1, "names": (*self.extra["names"], "x")}
        else:
            self.extra = self.extra + 1
        return self.linear(inputs)

    def get_extra_state(self):
        return self.extra

    def set_extra_state(self, state):
        self.extra = state


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.second(self.first(inputs))


def initialized_lazy():
    model = nn.LazyLinear(3)
    model(X)
    return model


MODELS = {
    "extra state, dict": lambda: Counting({"calls": np.int64(0), "names": ()}),
    "extra state, number": lambda: Counting(0),
    "extra state, NumPy": lambda: Counting(np.float32(0)),
    "extra state, growing tensor": lambda: Counting(torch.zeros(1)),
    "tied": Tied,
    "lazy, initialized": initialized_lazy,
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(4, 3)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(4, 3)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(4, 3)),
    "batch norm, dropout": lambda: nn.Sequential(
        nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)
    ),
    "complex": lambda: nn.Linear(4, 3, dtype=torch.complex64),
    "bfloat16": lambda: nn.Linear(4, 3, dtype=torch.bfloat16),
    "parallel": lambda: nn.DataParallel(nn.Linear(4, 3)),
    "averaged": lambda: AveragedModel(nn.Linear(4, 3)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_goes_on(tmp_path, name):
    make_optimizer = functools.partial(SGD, lr=0.01, momentum=0.9)
    make = functools.partial(Run, make_optimizer=make_optimizer, make_model=MODELS[name])
    assert_goes_on_to_the_last_bit(tmp_path / "a.pt", make)


def test_a_quantized_model_comes_back(tmp_path):
    quantize = functools.partial(torch.ao.quantization.quantize_dynamic, dtype=torch.qint8)
    model, other = (quantize(nn.Sequential(nn.Linear(4, 3), nn.ReLU())) for _ in range(2))
    assert not torch.equal(model(X), other(X))
    save_checkpoint(tmp_path / "a.pt", model)
    load_checkpoint(tmp_path / "a.pt", other)
    assert torch.equal(model(X), other(X))


def test_a_model_of_an_older_version_is_brought_up_to_date_by_torch(tmp_path):
    """The versions of modules travel with a state_dict; without them torch takes it for an old one."""
    model = nn.MultiheadAttention(4, 2)
    save_checkpoint(tmp_path / "a.pt", model)
    saved = torch.load(tmp_path / "a.pt", weights_only=True)["model"]
    assert saved._metadata == model.state_dict()._metadata and len(saved._metadata) > 1


def test_a_lazy_model_is_named_and_the_advice_works(tmp_path):
    path, model = tmp_path / "a.pt", nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(
        ValueError, match=r"model\['0.weight'\] has no shape yet.*model\(inputs\) once"
    ):
        save_checkpoint(path, model)
    model(X)
    save_checkpoint(path, model)
    other = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(CheckpointError, match=r"'0.weight' has no shape yet.*model\(inputs\) once"):
        load_checkpoint(path, other)
    other(X)
    load_checkpoint(path, other)
    assert torch.equal(other(X), model(X))


def test_a_model_without_memory_is_named_and_the_advice_works(tmp_path):
    path, model = tmp_path / "a.pt", nn.Linear(4, 3)
    save_checkpoint(path, model)
    with torch.device("meta"):
        other = nn.Linear(4, 3)
    with pytest.raises(ValueError, match=r"'weight'.* is on the meta device"):
        save_checkpoint(path, other)
    with pytest.raises(CheckpointError, match=r"'weight' is on the meta device.*to_empty"):
        load_checkpoint(path, other)
    other = other.to_empty(device="cpu")
    load_checkpoint(path, other)
    assert torch.equal(other(X), model(X))


@pytest.mark.parametrize(
    "wrap", [functools.partial(torch.compile, backend="eager"), nn.DataParallel]
)
def test_a_wrapped_model_is_named_and_the_advice_works(tmp_path, wrap):
    plain, wrapped = nn.Linear(4, 3), wrap(nn.Linear(4, 3))
    inner = wrapped._orig_mod if hasattr(wrapped, "_orig_mod") else wrapped.module
    save_checkpoint(tmp_path / "plain.pt", plain, SGD(plain.parameters()))
    save_checkpoint(tmp_path / "wrapped.pt", wrapped, SGD(wrapped.parameters()))
    expected = inner.weight.clone()
    message = "names differ by a prefix alone: '%s' there and '%s' in this model"
    names = "weight", next(iter(wrapped.state_dict()))
    with pytest.raises(CheckpointError, match=message % names):
        load_checkpoint(tmp_path / "plain.pt", wrapped)
    with pytest.raises(CheckpointError, match=message % names[::-1]):
        load_checkpoint(tmp_path / "wrapped.pt", plain)
    assert torch.equal(inner.weight, expected)
    load_checkpoint(tmp_path / "plain.pt", inner, SGD(inner.parameters()))
    assert torch.equal(inner.weight, plain.weight)
    fresh = nn.Linear(4, 3)
    load_checkpoint(tmp_path / "wrapped.pt", wrap(fresh), SGD(fresh.parameters()))
    assert torch.equal(fresh.weight, expected)


@pytest.mark.parametrize("other", [torch.float64, torch.bfloat16, torch.complex64], ids=str)
def test_a_model_of_another_dtype_is_named_and_the_advice_works(tmp_path, other):
    model, target = nn.Linear(4, 3, dtype=other), nn.Linear(4, 3)
    save_checkpoint(tmp_path / "a.pt", model)
    before = target.weight.clone()
    with pytest.raises(
        CheckpointError, match=rf"'weight' is {other} in the checkpoint and torch.float32"
    ):
        load_checkpoint(tmp_path / "a.pt", target)
    assert torch.equal(target.weight, before)
    target = target.to(other)
    load_checkpoint(tmp_path / "a.pt", target)
    assert torch.equal(target.weight, model.weight)


def test_extra_state_that_is_missing_or_refused_changes_nothing(tmp_path):
    class Choosy(Counting):
        def set_extra_state(self, state):
            if state == "bad":
                raise KeyError("no such state")
            super().set_extra_state(state)

    path = tmp_path / "a.pt"
    good = nn.Sequential(Choosy(1), nn.Linear(3, 2))
    save_checkpoint(path, nn.Sequential(Choosy("bad"), nn.Linear(3, 2)))
    before = copy.deepcopy(good.state_dict())
    with pytest.raises(CheckpointError, match=r"does not fit.*no such state"):
        load_checkpoint(path, good)
    assert same(good.state_dict(), before)
    stuck = nn.Sequential(Choosy("bad"), nn.Linear(3, 2))  # cannot even be put back
    optimizer = SGD(stuck.parameters(), lr=0.1)
    save_checkpoint(path, nn.Sequential(Choosy("bad"), nn.Linear(3, 2)))
    before = copy.deepcopy([stuck.state_dict(), optimizer.state_dict()])
    with pytest.raises(CheckpointError, match=r"does not fit.*no such state"):
        load_checkpoint(path, stuck)
    assert same([stuck.state_dict(), optimizer.state_dict()], before)
    plain = nn.Sequential(nn.Module(), nn.Linear(3, 2))
    with pytest.raises(CheckpointError, match="another architecture"):
        load_checkpoint(path, plain)


# ---- the rest of a run


@pytest.mark.parametrize(
    "epoch", [3, np.int64(3), np.float64(3), np.array(3), torch.tensor(3), torch.tensor(3.0), 3.0]
)
def test_an_epoch_of_any_type_is_a_whole_number(tmp_path, epoch):
    save_checkpoint(tmp_path / "a.pt", nn.Linear(1, 1), epoch=epoch)
    loaded = load_checkpoint(tmp_path / "a.pt", nn.Linear(1, 1)).epoch
    assert loaded == 3 and type(loaded) is int


@pytest.mark.parametrize("epoch", [-1, 2.5, "3", float("nan"), float("inf"), [3], np.array([1, 2])])
def test_what_is_no_number_of_epochs_is_refused(tmp_path, epoch):
    with pytest.raises(ValueError, match="epoch must be a whole number"):
        save_checkpoint(tmp_path / "a.pt", nn.Linear(1, 1), epoch=epoch)


def test_lists_of_a_history_that_differ_are_named_and_the_advice_works(tmp_path):
    path, model = tmp_path / "a.pt", nn.Linear(1, 1)
    history = History(train_loss=[1.0, 0.5], learning_rate=[0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match=r"'train_loss': 2, 'learning_rate': 3.*train_loss\[2:\]"):
        save_checkpoint(path, model, history=history)
    for numbers in vars(history).values():
        del numbers[2:]
    save_checkpoint(path, model, history=history)
    assert load_checkpoint(path, model).history == history
    assert load_checkpoint(path, model).epoch == 2


def test_early_stopping_keeps_numbers_of_any_type(tmp_path):
    model = nn.Linear(4, 3)
    stopping, other = EarlyStopping(3), EarlyStopping(3)
    for loss in (np.float64(2.0), np.float32(1.0), torch.tensor(1.5)):
        stopping(loss, model)
    stopping.best_loss = np.float64(stopping.best_loss)
    save_checkpoint(tmp_path / "a.pt", model, early_stopping=stopping)
    load_checkpoint(tmp_path / "a.pt", model, early_stopping=other)
    assert same(other.state_dict(), stopping.state_dict())
    assert kinds(other.state_dict()) == kinds(stopping.state_dict())


def test_a_file_from_before_the_kinds_of_inner_schedules_were_kept_still_loads(tmp_path):
    run, other = (Run(i, functools.partial(SGD, lr=0.1), sequential) for i in range(2))
    run.steps()
    save_checkpoint(tmp_path / "a.pt", *run.parts())
    state = torch.load(tmp_path / "a.pt", weights_only=True)
    del state["scheduler"]["inner"], state["optimizer"]["inner"]
    torch.save(state, tmp_path / "old.pt")
    load_checkpoint(tmp_path / "old.pt", *other.parts())
    assert same(other.states(), run.states())
