"""What can go wrong in any exercise, and the sentence for each, in both languages."""

import linecache
import sys
import traceback
from collections.abc import Collection
from typing import Any

from course_utils.exercises.compare import shown
from course_utils.exercises.sandbox import LIBRARIES, call
from course_utils.language import Text

COMMON_MISTAKES = {
    "not_attempted": Text(
        "還沒有作答。請把 `...` 或 `raise NotImplementedError` 換成你的程式，執行那一格，再檢查一次。",
        "Not attempted. Put your code in place of `...` or `raise NotImplementedError`, run that "
        "cell, then check again.",
    ),
    "not_yours": Text(
        "這裡執行的是課程的參考解答，不是你寫的。先自己寫寫看；參考解答摺疊在練習的最後。",
        "what ran here is the course's own solution, not an answer of yours. Try your own first; "
        "the solution is folded away at the end of the exercise.",
    ),
    "time_up": Text(
        "你的程式執行超過 {seconds:g} 秒還沒結束。有沒有哪個迴圈永遠不會停？",
        "your code was still running after {seconds:g} seconds. Is there a loop that never ends?",
    ),
    "raised": Text("你的程式執行時發生 {error}", "your code raised {error}"),
    "unusable": Text(
        "這種答案無法檢查：你的是 {got}，檢查時發生 {error}",
        "an answer of this kind cannot be checked: yours is {got}, and the check met {error}",
    ),
    "not_a_function": Text(
        "答案應該是一個函式，你的是 {got}。請寫 `def {name}(…):`，並用 return 回傳結果。",
        "the answer should be a function, yours is {got}. Write `def {name}(…):` and return the "
        "result.",
    ),
    "not_a_class": Text(
        "答案應該是一個類別，你的是 {got}。請寫 `class {name}:`，裡面寫題目要的方法。",
        "the answer should be a class, yours is {got}. Write `class {name}:` with the methods that "
        "the question asks for.",
    ),
    "should_raise": Text(
        "{case}：這裡應該引發例外，你的函式卻回傳了 {got}。",
        "{case}: here it should raise an error, and your function returned {got}.",
    ),
    "no_return": Text(
        "你的函式回傳了 None。是不是忘了寫 return？",
        "your function returned None. Is a `return` missing?",
    ),
    "changed_argument": Text(
        "你的函式改動了傳進來的參數（第 {position} 個）。呼叫者還要用它：請先複製，或改用不會就地修改的運算。",
        "your function changed the argument it was given (number {position}). Its caller still "
        "needs it: work on a copy, or use operations that do not write in place.",
    ),
    "left_switched": Text(
        "你的函式執行完之後，{names} 的設定不一樣了，其他程式都會受影響。請在結束前還原，例如寫成 `with torch.no_grad():`。",
        "after your function has run, {names} is set otherwise, for everybody. Put it back before "
        "you return: `with torch.no_grad():`, for one, does so by itself.",
    ),
    "used_forbidden": Text(
        "結果是對的，但你的程式用到了 {names}，題目要你不靠它寫出來。",
        "the result is right, but your code goes through {names}, and the question is to write it "
        "without.",
    ),
    "shares_memory": Text(
        "{case}：你回傳的和傳進來的參數是同一份記憶體，改了一個，另一個也跟著變。題目要的是新的。",
        "{case}: what you return shares its memory with an argument, so that changing one changes "
        "the other. A new one is wanted.",
    ),
    "wrong_dtype": Text(
        "{case}：結果的 dtype 應該是 {expected}，你的是 {got}。",
        "{case}: the result should have dtype {expected}, yours has {got}.",
    ),
    "lost_precision": Text(
        "{case}：大約只有 7 位數是對的。傳進來的是 float64，途中在哪裡變成了 float32？{difference}",
        "{case}: only about 7 digits are right. float64 came in; where did it become float32? "
        "{difference}",
    ),
    "lost_gradient": Text(
        "值是對的，但梯度斷了：{why}。計算途中有沒有離開 autograd（float()、.item()、.detach()、NumPy）？",
        "the value is right, but its gradient is lost: {why}. Did some part of the computation "
        "leave autograd (float(), .item(), .detach(), NumPy)?",
    ),
    "wrong_gradient": Text(
        "值是對的，梯度不對。{case}：{difference}",
        "the value is right, but its gradient is wrong. {case}: {difference}",
    ),
    "swapped_results": Text(
        "數字都對，順序不對：應該依序回傳 {expected}，你的順序是 {got}。",
        "the numbers are right and their order is not: return {expected}; yours come as {got}.",
    ),
    "argument_ignored": Text(
        "參數 {name} 沒有作用：換了它的值，你的結果還是一樣。",
        "the argument {name} has no effect: another value gives the same result.",
    ),
    "wrong_type": Text(
        "結果應該是 {expected}，你的是 {got}。", "the result should be {expected}, yours is {got}."
    ),
    "wrong_length": Text(
        "結果應該是 {expected}，你的長度是 {got}。",
        "the result should be {expected}, yours has length {got}.",
    ),
    "missing_entries": Text("還沒有 {names} 的答案。", "there is no answer yet for {names}."),
    "unknown_name": Text(
        "{case}：{given} 不在選項裡。選項是 {names}。",
        "{case}: {given} is not among the choices, which are {names}.",
    ),
    "wrong_shape": Text(
        "結果的形狀應該是 {expected}，你的是 {got}。",
        "the result should have shape {expected}, yours has {got}.",
    ),
    "wrong_value": Text(
        "結果不對。{case}：應該是 {expected}，你的是 {got}。",
        "the result is wrong. {case}: expected {expected}, got {got}.",
    ),
}

_LINE = Text("（第 {number} 行：`{source}`）", ", in line {number}: `{source}`")
_INPUT = Text("。輸入是 {case}", ", for the input {case}")


def raised(error: BaseException, case: object = "") -> str:
    """The message behind an exception: what it says, on which of the student's lines, for what input."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    steps = list(traceback.walk_tb(error.__traceback__))
    codes = [frame.f_code for frame, _ in steps]
    if call.__code__ in codes:  # what comes after it is the student's, or called by the student's
        steps = steps[codes.index(call.__code__) + 1 :]
    for frame, number in reversed(steps):
        if not is_of_a_library(frame.f_globals.get("__name__", "")):
            source = linecache.getline(frame.f_code.co_filename, number).strip()
            said += _LINE.format(number=number, source=source) if source else ""
            break
    return COMMON_MISTAKES["raised"].format(
        error=said + (_INPUT.format(case=case) if str(case) else "")
    )


def is_of_a_library(module: str) -> bool:
    """Whether a module, by its full name, is none of the student's."""
    package = module.partition(".")[0]
    is_main = package == "__main__"
    return not is_main and package in {*sys.stdlib_module_names, *LIBRARIES, "course_utils"}


def described(args: tuple, kwargs: dict[str, Any], names: Collection[str] = ()) -> str:
    """The arguments of a call in a few words, which are code and the same in both languages."""
    words = []
    for name, value in [*zip([*names, *[""] * len(args)], args, strict=False), *kwargs.items()]:
        try:
            word = shown(value)
        except (TypeError, ValueError, RuntimeError):
            word = ""
        word = word if 0 < len(word) <= 60 else type(value).__name__
        words.append(f"{name}={word}" if name else word)
    return ", ".join(words)
