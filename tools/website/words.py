"""What the website says of its own accord, in both languages."""

#: Edition -> name -> words.
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "answers": "The answer, and what is behind each option",
        "claims": "Claims",
        "claims_intro": (
            "Whatever a lesson says about a result is a claim, tested by the cell that follows it. "
            "The record says how often the claim held when its lesson was executed again, from top "
            "to bottom, with other random seeds."
        ),
        "code_name": "code name",
        "contents": "Contents",
        "count_claims": "{count} claim{s}",
        "colon": ": ",
        "count_exercises": "{count} exercise{s}",
        "count_questions": "{count} question{s} to test yourself",
        "download": "Download the notebook",
        "edition": "en",
        "glossary": "Glossary",
        "glossary_intro": (
            "The terms of the course in both languages, with their symbols and names in code. The last "
            "column leads to the lesson that uses a term first."
        ),
        "handout": "Handout (PDF)",
        "hint": "A hint",
        "in_class": "{teaching} minutes in class, {together} with the exercises",
        "is_right": "Right. ",
        "is_wrong": "No. ",
        "home": "The course",
        "lesson": "lesson",
        "lessons": "Lessons",
        "look_up": "To look up",
        "minutes": "runs in {minutes} minutes",
        "next": "Next",
        "no_record": "not repeated yet",
        "not_used": "not used in Chinese",
        "nothing_found": "Nothing was found for “{query}”. Try fewer or other words.",
        "num_found": "{count} page{s} with “{query}”",
        "number": "no.",
        "on_this_page": "On this page",
        "other_language": "中文",
        "other_term": "Chinese",
        "previous": "Previous",
        "questions": "Test yourself",
        "questions_intro": (
            "Choose first, then reveal: behind every wrong option stands what one who chooses it may "
            "have thought. The questions belong to {lesson}."
        ),
        "record": "repetitions in which it held",
        "record_all": "each claim held in all of {blocks} repetitions with other seeds",
        "record_some": "held in all of {blocks} repetitions with other seeds: {held} of {count} claims",
        "reference": "Reference",
        "reference_intro": (
            "The shared code that the lessons import, from its own docstrings. “[source]” beside a "
            "name leads to its code."
        ),
        "reveal": "Reveal the answer",
        "right": "Right:",
        "search": "Search",
        "search_needs_script": "The search needs JavaScript; everything else works without it.",
        "search_placeholder": "Search, e.g. momentum",
        "sentence": "claim",
        "imports_hide": "Hide the imports",
        "imports_show": "Show what is imported",
        "setup_hide": "Hide the code",
        "setup_show": "Show the code that gets ready",
        "slides": "Slides",
        "solution_hide": "Hide the solution",
        "solution_show": "Show a solution",
        "symbol": "symbol",
        "term": "term",
        "title": "Training neural networks",
        "wrong": "Wrong:",
    },
    "zh-TW": {
        "answers": "看答案，以及每個選項背後的想法",
        "claims": "主張",
        "claims_intro": (
            "課文說的每個結果都是一條主張，由下一格程式當場檢驗。最後一欄的紀錄是：換一組隨機種子、"
            "把整課從頭再執行一次，這條主張成立了幾次。"
        ),
        "code_name": "程式裡的名稱",
        "contents": "目錄",
        "count_claims": "{count} 條主張",
        "colon": "：",
        "count_exercises": "{count} 題練習",
        "count_questions": "自我檢測：{count} 題",
        "download": "下載這本筆記本",
        "edition": "zh-TW",
        "glossary": "名詞對照",
        "glossary_intro": (
            "課程用到的名詞，中英對照，並附上符號與程式裡的名稱。最後一欄是第一次用到這個名詞的那一課。"
        ),
        "handout": "講義（PDF）",
        "hint": "提示",
        "in_class": "上課 {teaching} 分鐘，加上練習 {together} 分鐘",
        "is_right": "答對了。",
        "is_wrong": "不對。",
        "home": "課程首頁",
        "lesson": "課",
        "lessons": "課程",
        "look_up": "查閱",
        "minutes": "執行 {minutes} 分鐘",
        "next": "下一頁",
        "no_record": "還沒有重做過",
        "not_used": "不用的譯法",
        "nothing_found": "找不到「{query}」。請減少字詞，或換個說法。",
        "num_found": "有「{query}」的頁面：{count} 頁",
        "number": "編號",
        "on_this_page": "本頁內容",
        "other_language": "English",
        "other_term": "英文",
        "previous": "上一頁",
        "questions": "自我檢測",
        "questions_intro": (
            "先選一個，再看答案：每個錯的選項背後，都寫著選它的人可能是怎麼想的。題目來自{lesson}。"
        ),
        "record": "重做時成立的次數",
        "record_all": "換過種子重做 {blocks} 次，每條主張次次成立",
        "record_some": "換過種子重做 {blocks} 次，次次成立的主張：{count} 條中的 {held} 條",
        "reference": "程式參考",
        "reference_intro": (
            "各課匯入的共用程式，內容取自程式本身的說明（英文）。名稱旁的「[原始碼]」會帶你看程式。"
        ),
        "reveal": "看答案",
        "right": "對：",
        "search": "搜尋",
        "search_needs_script": "搜尋需要 JavaScript；其他部分都不需要。",
        "search_placeholder": "搜尋，例如：動量",
        "sentence": "主張",
        "imports_hide": "收起匯入",
        "imports_show": "顯示匯入了什麼",
        "setup_hide": "收起程式",
        "setup_show": "顯示準備環境的程式",
        "slides": "投影片",
        "solution_hide": "收起參考解答",
        "solution_show": "顯示參考解答",
        "symbol": "符號",
        "term": "名詞",
        "title": "訓練神經網路",
        "wrong": "錯：",
    },
}
#: What the theme says in English only, beside what it is in the Chinese edition.
THEME_WORDS: tuple[tuple[str, str], ...] = (
    ('aria-label="Toggle site navigation sidebar"', 'aria-label="開關目錄"'),
    ('aria-label="Toggle table of contents sidebar"', 'aria-label="開關本頁內容"'),
    ('aria-label="Toggle Light / Dark / Auto color theme"', 'aria-label="切換淺色、深色或自動"'),
    ("Skip to content", "跳到內容"),
    ("Back to top", "回到頂端"),
    ("Toggle navigation of", "開關這一部分的目錄："),
    ("Link to this heading", "連到這個標題"),
    ("Link to this definition", "連到這個定義"),
    (">[source]<", ">[原始碼]<"),
    (">[docs]<", ">[說明]<"),
    ('aria-label="Navigation menu"', 'aria-label="目錄"'),
)


def counted(edition: str, name: str, count: int) -> str:
    """Words that hold a number, as in "1 exercise"."""
    return WORDS[edition][name].format(count=count, s="" if count == 1 else "s")
