"""What the website says of its own accord, in both languages."""

from typing import Any

#: Edition -> name -> words.
WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "answers": "The answer, and what is behind each option",
        "bowl": {
            "title": "A bowl to tilt",
            "intro": (
                "The loss is a bowl, x² + κy², and three methods walk down from the same point. Turn the "
                "bowl, make it narrower, change the rates: the picture and the table follow. Turning the "
                "bowl turns the start with it, so that only the axes of the parameters are others. "
                "The address keeps your settings: send it to somebody, and they see the same. "
                "[[optimizers]] writes the three methods out."
            ),
            "seed": "seed (0 starts at (5, 5))",
            "tilt": "tilt (degrees)",
            "kappa": "condition number κ",
            "noise": "noise in the gradient (standard deviation)",
            "steps": "steps",
            "beta": "β of momentum and Adam",
            "rate": "rate, ",
            "gd": "gradient descent",
            "momentum": "momentum",
            "adam": "Adam",
            "method": "method",
            "end": "loss at the end",
            "there": "steps to a loss below 0.01",
            "not_there": "not there",
            "tune": "Best rate for each",
            "reset": "Start over",
            "picture": (
                "Contours of a bowl, tilted by {tilt} degrees, and the paths of three methods over {steps} "
                "steps. Loss at the end:"
            ),
            "try": "Predict, then try",
            "tries": [
                "Move the rate of gradient descent up. Where does it begin to jump from side to side, and where does it leave the picture? With κ = 10 the limit is 1/κ = 0.1.",
                "Press “Best rate for each”, then tilt the bowl from 0 to 45 degrees. Whose loss at the end stays the same to the last digit, and whose does not? Adam divides each parameter's gradient by its own size; once the bowl is tilted, its narrow direction belongs to no single parameter.",
                "At 45 degrees, press “Best rate for each” again: how much of what Adam lost does it get back? It depends on the start: try other seeds.",
                "Set κ to 1, a round bowl: what is left of the differences? And at κ = 100?",
                "Add noise, and compare 20 steps with 200: who settles at the bottom, and who only wanders about there?",
            ],
            "legend": "Circles and a solid line: gradient descent. Squares and a dashed line: momentum. Triangles and a dotted line: Adam. The star is the minimum. “Best rate for each” tries the same 61 rates for every method, and takes the one with the lowest loss at the end (with noise, on average over five seeds).",
        },
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
        "lesson_number": "Lesson {number}",
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
        "perceptron": {
            "title": "Move the line yourself, or let the rule do it",
            "gate": "Problem",
            "step": "Correct the next mistake",
            "zero": "All weights 0",
            "line": "w = ({w1}, {w2}), b = {b}.",
            "wrong": "Wrong or on the line: {points}.",
            "right": "All four are right.",
            "update": "Update {count}: {point} was wrong.",
            "stops": "A whole epoch without a mistake: the rule stops after {count} updates.",
        },
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
        "bowl": {
            "title": "可以傾斜的碗",
            "intro": (
                "損失是一個碗：x² + κy²。三種方法從同一點走下去。把碗轉一個角度、壓得更窄、換一換學習率，"
                "圖和表都會跟著變。碗轉動時，起點也跟著轉，所以改變的只有參數軸和碗的夾角。"
                "設定都留在網址裡：把網址傳給別人，對方看到的就是同一張圖。三種方法怎麼寫，請看[[optimizers]]。"
            ),
            "seed": "種子（0 從 (5, 5) 出發）",
            "tilt": "傾斜角度（度）",
            "kappa": "條件數 κ",
            "noise": "梯度的雜訊（標準差）",
            "steps": "步數",
            "beta": "動量與 Adam 的 β",
            "rate": "學習率：",
            "gd": "梯度下降",
            "momentum": "動量",
            "adam": "Adam",
            "method": "方法",
            "end": "最後的損失",
            "there": "幾步之後損失低於 0.01",
            "not_there": "還沒到",
            "tune": "各自用最好的學習率",
            "reset": "重來",
            "picture": "傾斜 {tilt} 度的碗的等高線，以及三種方法 {steps} 步的路徑。最後的損失：",
            "try": "先猜，再試",
            "tries": [
                "慢慢加大梯度下降的學習率。到哪裡開始左右跳，到哪裡衝出畫面？κ = 10 時，上限是 1/κ = 0.1。",
                "按「各自用最好的學習率」，再把碗從 0 度轉到 45 度。誰最後的損失到最後一位都不變，誰會變？Adam 把每個參數的梯度除以自己的大小；碗一斜，窄的方向就不再屬於任何一個參數。",
                "在 45 度再按一次「各自用最好的學習率」：Adam 失去的，找回了多少？答案和起點有關，換幾個種子看看。",
                "把 κ 調成 1，也就是一個圓碗：差別還剩多少？調成 100 呢？",
                "加上雜訊，比一比 20 步和 200 步：誰停在谷底，誰只是在谷底附近晃？",
            ],
            "legend": "圓點與實線是梯度下降，方塊與虛線是動量，三角形與點線是 Adam；星號是最低點。「各自用最好的學習率」對每種方法都試同樣的 61 個學習率，取最後損失最低的那一個（有雜訊時，取五個種子的平均）。",
        },
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
        "lesson_number": "第 {number} 課",
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
        "perceptron": {
            "title": "自己移動直線，或交給規則",
            "gate": "題目",
            "step": "更正下一個錯誤",
            "zero": "權重全部歸零",
            "line": "w = ({w1}, {w2})，b = {b}。",
            "wrong": "答錯或在線上：{points}。",
            "right": "四個點都對了。",
            "update": "第 {count} 次更新：剛才答錯的是 {point}。",
            "stops": "整整一輪沒有錯，規則停了，一共更新 {count} 次。",
        },
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
