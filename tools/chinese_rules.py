"""How Chinese is written in the course: for Taiwan, with the glossary's terms, in sentences."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CJK = r"\u3007\u3400-\u9fff"
#: Turns of phrase that give a translation away or read two ways, each with what to write instead.
#: They are what one word of the glossary cannot say; an editor's reading of the course found them.
TURNS = {
    r"[\d}] %": "set 5% without a space",
    r"\d\d 課|課 \d\d": "第 N 課, by a link [[name]]",
    r"你能夠$": "你能夠： (a list follows)",
    r"帶狀(?!區域)": "色帶 (帶狀 is an adjective)",
    r"沒有找到差異|找不到差[異別]": "沒有發現差異",
    r"值多少": "有多準、可不可信 (值多少 asks for a price)",
    r"(?<!相)同(步|秒)數": "相同步數、相同秒數 (同步 is synchronous)",
    r"Holm 修正": "Holm 校正",
    r"機遇": "運氣、隨機",
    r"愈": "越",
    r"⋯": "……",
    r"（整個區間[）；，]|區間(下端|上端)?也是[）。]": "say what the interval does: 整個信賴區間都高於 2",
    r"區間的?[上下]端": "信賴區間的上限、下限",
    r"雙對數座標|對數[橫縱]軸|[橫縱]軸[是為]對數(?!刻度)": "橫軸是…，縱軸是…（對數刻度）",
    r"發出 ?`?\w*(Error|例外)": "引發 ValueError",
    r"(?<!最)大學習率|隨機率": "words that run together: read it aloud",
    r"光禿禿|老實地": "沒有檢查的、如實",
    r"(?<!人)等[，（](19|20)\d\d": "等人，2016",
    r"活的筆記本": "可互動的筆記本",
    r"怎麼叫(?!做)": "怎麼呼叫",
}


@cache
def simplified_characters() -> frozenset[str]:
    """Characters that are Simplified only: OpenCC maps them to others, and Big5's common ones lack them."""
    package = find_spec("opencc")
    table = Path(package.origin).parent / "dictionary" / "STCharacters.txt"
    pairs = (line.split("\t") for line in table.read_text(encoding="utf-8").splitlines() if line)
    return frozenset(
        simple
        for simple, other in pairs
        if simple not in other.split()
        and not b"\xa4" <= simple.encode("big5", "ignore")[:1] < b"\xc9"
    )


@cache
def avoided_terms() -> dict[str, str]:
    """From GLOSSARY.md: a term the course does not use -> the one it does."""
    terms = {}
    for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines():
        columns = [column.strip() for column in line.strip("|").split("|")]
        if len(columns) == 5 and not columns[0].startswith(("English", "-")):
            terms |= {term: columns[1] for term in columns[4].split("、") if term}
    return terms


def chinese_style(text: str) -> list[str]:
    """No Simplified character, no half-width punctuation beside Chinese, the glossary's terms, none of
    the turns of phrase above."""
    problems = [f"Simplified character {c}" for c in sorted(set(text) & simplified_characters())]
    bare = re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)", "`", text, flags=re.DOTALL)
    for found in re.finditer(f"[{CJK}][,;:?!()]|[,;:?!(][{CJK}]", bare):
        problems.append(f"half-width punctuation: {bare[max(found.start() - 8, 0) : found.end()]}")
    problems += [
        f"{term} (the glossary says {preferred})"
        for term, preferred in avoided_terms().items()
        if term in text
    ]
    problems += [
        f"{found[0]!r} in …{text[max(found.start() - 12, 0) : found.end() + 6]}… ({instead})"
        for turn, instead in TURNS.items()
        for found in re.finditer(turn, text, flags=re.MULTILINE)
    ]
    return problems
