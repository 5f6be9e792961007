"""Claims: what counts as one, and what happens where one does not hold."""

import numpy as np
import pytest
import torch

from course_utils.language import get_language, set_language
from course_utils.notebook.claims import ClaimError, claim


@pytest.fixture(params=["zh-TW", "en"])
def language(request):
    before = get_language()
    set_language(request.param)
    yield request.param
    set_language(before)


@pytest.fixture(params=["strict", "lenient"])
def strict(request, monkeypatch):
    if request.param == "strict":
        monkeypatch.setenv("COURSE_STRICT", "1")
    else:
        monkeypatch.delenv("COURSE_STRICT", raising=False)
    return request.param == "strict"


BOOLEANS = {
    "bool": bool,
    "np.bool": np.bool_,
    "0-d array": lambda x: np.array(x),
    "tensor": torch.tensor,
}
WORDS = {"zh-TW": "主張 3", "en": "Claim 3"}


@pytest.mark.parametrize("kind", BOOLEANS)
def test_what_holds_is_ticked_in_the_readers_language(kind, language, strict, capsys):
    claim(3, BOOLEANS[kind](True))
    printed = capsys.readouterr().out
    assert printed.startswith("✓")
    assert WORDS[language] in printed


@pytest.mark.parametrize("value", ["0", "", "true"])
def test_only_1_is_strict(value, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", value)
    claim(3, False)
    assert capsys.readouterr().out.startswith("✗")


@pytest.mark.parametrize("kind", BOOLEANS)
def test_what_fails_raises_under_strict_and_is_told_to_a_student(kind, language, strict, capsys):
    if strict:
        with pytest.raises(ClaimError, match=WORDS[language]):
            claim(3, BOOLEANS[kind](False))
        assert capsys.readouterr().out == ""
    else:
        claim(3, BOOLEANS[kind](False))
        printed = capsys.readouterr().out
        assert printed.startswith("✗")
        assert WORDS[language] in printed


@pytest.mark.parametrize(
    ("value", "described"),
    [
        (np.array([True, True]), r"ndarray of shape \(2,\)"),
        (np.array([True]), r"ndarray of shape \(1,\)"),
        (torch.tensor([True]), r"Tensor of shape \(1,\)"),
        (torch.tensor(1), r"Tensor of shape \(\)"),
        (np.float64(0.98), "float64"),
        (0.98, "float"),
        (1, "int"),
        ("yes", "str"),
        (None, "NoneType"),
        ([True], "list"),
    ],
    ids=repr,
)
def test_what_is_not_one_boolean_is_refused_with_the_way_out(value, described, strict):
    with pytest.raises(TypeError, match=rf"one boolean, got {described}.*\.all\(\)"):
        claim(3, value)


@pytest.mark.parametrize("holds", [True, False])
def test_claim_on_full_mnist_is_skipped_on_the_embedded_digits(holds, language, strict, capsys):
    claim(3, holds, tiers="full", tier="embedded")
    printed = capsys.readouterr().out
    assert printed.startswith("○")
    assert WORDS[language] in printed


@pytest.mark.parametrize("options", [{"tiers": "full", "tier": "full"}, {"tier": "embedded"}, {}])
def test_every_other_claim_is_tested(options, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    claim(3, True, **options)
    with pytest.raises(ClaimError):
        claim(3, False, **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tiers": "full"}, "tier=mnist.tier"),
        ({"tiers": "embedded", "tier": "embedded"}, "tiers='embedded'"),
        ({"tiers": "full", "tier": "Full"}, "tier='Full'"),
    ],
)
def test_tiers_that_would_silently_skip_or_never_do_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        claim(3, True, **options)
