"""The update rules of the lesson on optimizers are torch's, and L2 is weight decay for plain SGD only."""

import ast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lesson_rules import COURSE_UTILS, bare_syntax, code_cells, lesson_path, read_lesson
from torch import nn

from course_utils import optimizers
from course_utils.optimizers import (
    adam_step,
    adamw_step,
    apply_step,
    momentum_step,
    rmsprop_step,
    sgd_step,
)

NUM_STEPS = 100
SHAPES = [(), (3,), (2, 4)]
RULES = ["sgd_step", "momentum_step", "rmsprop_step", "adam_step", "adamw_step"]

rates = st.floats(1e-5, 0.05)
decays = st.floats(0, 0.5)
momenta = st.floats(0, 0.99)
betas = st.tuples(st.floats(0, 0.99), st.floats(0.5, 0.9999))
epsilons = st.sampled_from([1e-10, 1e-8, 1e-3])
seeds = st.integers(0, 2**31)
schedules = st.sampled_from(
    [lambda t: 1.0, lambda t: 1 / (1 + t), lambda t: 0.1 ** (t // 30), lambda t: 1 + t % 7]
)
a_few = settings(max_examples=12, deadline=None)


def start(seed):
    generator = torch.Generator().manual_seed(seed)
    make = lambda shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return [make(shape) for shape in SHAPES], [make((*shape, 5)) for shape in SHAPES]


def loss(params, targets):
    """Not quadratic, coupled through no parameter, of very different sizes a tensor."""
    terms = [(p[..., None] - t).cosh().sum() for p, t in zip(params, targets, strict=True)]
    return terms[0] + 10 * terms[1] + 0.01 * terms[2]


def run(move, seed, schedule, lr, num_steps=NUM_STEPS):
    """Parameters after ``num_steps`` calls of ``move(params, rate)``, gradients by autograd."""
    first, targets = start(seed)
    params = [nn.Parameter(p) for p in first]
    for t in range(num_steps):
        for param, grad in zip(
            params, torch.autograd.grad(loss(params, targets), params), strict=True
        ):
            param.grad = grad.clamp(-100, 100)
        move(params, lr * schedule(t))
    return [p.detach() for p in params]


def by_rule(step, **options):
    states = [{} for _ in SHAPES]
    return lambda params, lr: apply_step(step, params, states, lr=lr, **options)


def by_torch(optimizer_class, **options):
    optimizer = None

    def move(params, lr):
        nonlocal optimizer
        optimizer = optimizer or optimizer_class(params, lr=lr, **options)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()

    return move


def assert_same(one, other, tolerance=1e-6):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def assert_matches_torch(step, optimizer_class, seed, schedule, lr, **options):
    mine = run(by_rule(step, **options), seed, schedule, lr)
    assert all(p.isfinite().all() for p in mine)
    assert_same(mine, run(by_torch(optimizer_class, **options), seed, schedule, lr))


@a_few
@given(seeds, schedules, rates)
def test_sgd_is_torchs(seed, schedule, lr):
    assert_matches_torch(sgd_step, torch.optim.SGD, seed, schedule, lr / 10)


@a_few
@given(seeds, schedules, rates, momenta)
def test_momentum_is_torchs(seed, schedule, lr, momentum):
    options = {"momentum": momentum}
    assert_matches_torch(momentum_step, torch.optim.SGD, seed, schedule, lr / 100, **options)


@a_few
@given(seeds, schedules, rates, st.floats(0.5, 0.999), epsilons)
def test_rmsprop_is_torchs(seed, schedule, lr, alpha, eps):
    options = {"alpha": alpha, "eps": eps}
    assert_matches_torch(rmsprop_step, torch.optim.RMSprop, seed, schedule, lr / 10, **options)


@a_few
@given(seeds, schedules, rates, betas, epsilons)
def test_adam_is_torchs(seed, schedule, lr, betas, eps):
    options = {"betas": betas, "eps": eps}
    assert_matches_torch(adam_step, torch.optim.Adam, seed, schedule, lr / 10, **options)


@a_few
@given(seeds, schedules, rates, betas, epsilons, decays)
def test_adamw_is_torchs(seed, schedule, lr, betas, eps, weight_decay):
    options = {"betas": betas, "eps": eps, "weight_decay": weight_decay}
    assert_matches_torch(adamw_step, torch.optim.AdamW, seed, schedule, lr / 10, **options)


def test_defaults_are_torchs():
    for step, optimizer_class in ((adam_step, torch.optim.Adam), (adamw_step, torch.optim.AdamW)):
        assert_matches_torch(step, optimizer_class, 0, lambda t: 1.0, 0.001)
    assert_matches_torch(rmsprop_step, torch.optim.RMSprop, 0, lambda t: 1.0, 0.01)


@pytest.mark.parametrize(
    ("step", "optimizer_class", "options"),
    [
        (momentum_step, torch.optim.SGD, {"momentum": 0.9}),
        (rmsprop_step, torch.optim.RMSprop, {}),
        (adam_step, torch.optim.Adam, {}),
        (adamw_step, torch.optim.AdamW, {}),
    ],
)
@pytest.mark.parametrize("size", [1.0, 1e-5, 1e-8])
def test_every_default_is_torchs(step, optimizer_class, options, size):
    """The smallest gradients are about as small as ε, which plays no part for larger ones."""
    mine, theirs = (nn.Parameter(torch.ones(3, dtype=torch.float64)) for _ in range(2))
    reference, state = optimizer_class([theirs], lr=0.1, **options), {}
    for t in range(5):
        mine.grad = theirs.grad = size * torch.tensor([1.0, -0.5, 0.1 * t], dtype=torch.float64)
        reference.step()
        apply_step(step, [mine], [state], lr=0.1)
    torch.testing.assert_close(mine - 1, theirs - 1, rtol=1e-6, atol=0)


def l2(move, weight_decay):
    def with_decay(params, lr):
        for param in params:
            param.grad = param.grad + weight_decay * param.detach()
        move(params, lr)

    return with_decay


def decoupled(move, weight_decay):
    @torch.no_grad()
    def with_decay(params, lr):
        for param in params:
            param *= 1 - lr * weight_decay
        move(params, lr)

    return with_decay


@a_few
@given(
    seeds, schedules, st.floats(1e-5, 0.001), st.floats(0.01, 0.5)
)  # stable: roundings stay small
def test_in_plain_sgd_l2_is_decay_by_rate_times_lambda(seed, schedule, lr, weight_decay):
    by_torchs_l2 = by_torch(torch.optim.SGD, weight_decay=weight_decay)
    ways = [l2(by_rule(sgd_step), weight_decay), decoupled(by_rule(sgd_step), weight_decay)]
    expected = run(by_torchs_l2, seed, schedule, lr)
    for way in ways:
        assert_same(run(way, seed, schedule, lr), expected, tolerance=1e-9)


def gap(one, other):
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_any_other_correspondence_is_wrong_for_sgd(seed):
    lr, weight_decay, constant = 0.005, 0.1, lambda t: 1.0
    expected = run(l2(by_rule(sgd_step), weight_decay), seed, constant, lr)
    too_much = decoupled(by_rule(sgd_step), weight_decay / lr)  # shrinks by lambda itself
    assert gap(run(too_much, seed, constant, lr), expected) > 0.01


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("step", "lr"), [(adam_step, 0.01), (momentum_step, 0.001)])
def test_in_adam_and_momentum_l2_is_not_decoupled_decay(step, lr, seed):
    weight_decay, falling = 0.5, lambda t: 1 / (1 + t)
    with_l2 = run(l2(by_rule(step), weight_decay), seed, falling, lr)
    with_decay = run(decoupled(by_rule(step), weight_decay), seed, falling, lr)
    assert gap(with_l2, with_decay) > 1e-5


@pytest.mark.parametrize("seed", range(5))
def test_adam_with_l2_is_torchs_adam_and_decoupled_adam_is_adamw(seed):
    constant = lambda t: 1.0  # noqa: E731
    torchs_l2 = run(by_torch(torch.optim.Adam, weight_decay=0.1), seed, constant, 0.01)
    assert_same(run(l2(by_rule(adam_step), 0.1), seed, constant, 0.01), torchs_l2)
    torchs_w = run(by_torch(torch.optim.AdamW, weight_decay=0.1), seed, constant, 0.01)
    assert_same(run(decoupled(by_rule(adam_step), 0.1), seed, constant, 0.01), torchs_w)
    assert gap(torchs_l2, torchs_w) > 1e-5


@pytest.mark.parametrize("name", RULES)
def test_a_rule_writes_to_nothing_but_its_own_state(name):
    step = getattr(optimizers, name)
    param, grad, state = torch.ones(3), torch.full((3,), 2.0), {}
    moved = step(param, grad, state, lr=0.1)
    kept = {key: value.clone() for key, value in state.items() if torch.is_tensor(value)}
    step(moved, 5 * grad, {}, lr=0.1)
    assert param.tolist() == [1.0] * 3 and grad.tolist() == [2.0] * 3
    assert (moved < param).all()
    for key, value in kept.items():
        assert torch.equal(state[key], value)


@pytest.mark.parametrize("name", RULES)
def test_settings_may_be_tensors_and_then_run_side_by_side(name):
    step, lrs, grad = getattr(optimizers, name), [0.1, 0.003], torch.tensor([1.0, -2.0, 0.5])
    together, state = torch.ones(2, 3), {}
    alone, states = [torch.ones(3) for _ in lrs], [{} for _ in lrs]
    for _ in range(5):
        together = step(together, together * grad, state, lr=torch.tensor(lrs)[:, None])
        alone = [step(p, p * grad, s, lr=lr) for p, s, lr in zip(alone, states, lrs, strict=True)]
    torch.testing.assert_close(together, torch.stack(alone))


def test_apply_step_moves_parameters_in_place_and_outside_autograd():
    param = nn.Parameter(torch.ones(2))
    (3 * param).sum().backward()
    before = param.data_ptr()
    apply_step(sgd_step, [param], [{}], lr=0.5)
    assert param.tolist() == [-0.5, -0.5]
    assert param.data_ptr() == before and param.is_leaf and param.requires_grad
    assert param.grad.tolist() == [3.0, 3.0]


def test_the_lesson_writes_out_every_rule_and_none_is_longer_than_ten_lines():
    lesson = read_lesson(lesson_path("optimizers"))
    in_lesson = {}
    for cell in code_cells(lesson):
        in_lesson |= bare_syntax(cell.source)
        for node in ast.parse(cell.source).body:
            if getattr(node, "name", "") in RULES:
                assert node.end_lineno - node.lineno + 1 <= 10, node.name
    library = bare_syntax((COURSE_UTILS / "optimizers.py").read_text(encoding="utf-8"))
    for name in [*RULES, "apply_step"]:
        assert in_lesson[name] == library[name], name


def test_as_many_states_as_parameters_are_needed():
    params = [nn.Parameter(torch.ones(1)) for _ in range(2)]
    for param in params:
        param.grad = torch.ones(1)
    with pytest.raises(ValueError, match="shorter"):
        apply_step(sgd_step, params, [{}], lr=0.1)
