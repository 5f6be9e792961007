"""The lessons of the course, in order, and how long each one runs."""

import json
from pathlib import Path

from IPython.display import Markdown

from course_utils.language import Text

#: File name -> title, as in the first line of the lesson.
TITLES = {
    "00_start_here": Text("從這裡開始", "Start here"),
    "01_perceptron_xor": Text("感知機與 XOR", "The perceptron and XOR"),
    "02_activations": Text("激活函數", "Activation functions"),
    "03_losses": Text("損失函數與反向傳播", "Loss functions and back-propagation"),
    "04_optimizers": Text("優化器", "Optimizers"),
    "05_regularization": Text("過擬合與正則化", "Overfitting and regularization"),
    "06_mnist_mlp": Text(
        "用多層感知機辨識手寫數字",
        "Reading handwritten digits with a multi-layer perceptron",
    ),
    "07_training_practice": Text("訓練實務", "Training practice"),
    "08_initialization": Text("權重初始化", "Weight initialization"),
    "09_gradient_clipping": Text("梯度裁剪", "Gradient clipping"),
    "10_lr_finder": Text("學習率尋找器", "The learning-rate finder"),
    "11_label_smoothing": Text("標籤平滑", "Label smoothing"),
    "12_debugging_clinic": Text("除錯診所", "The debugging clinic"),
    "13_numpy_training_tools": Text("用 NumPy 打造訓練工具", "Training tools in NumPy"),
    "14_numpy_lstm": Text("用 NumPy 推導 LSTM", "The LSTM, derived in NumPy"),
    "15_numpy_relational_rnn": Text(
        "用 NumPy 推導 Relational RNN", "The Relational RNN, derived in NumPy"
    ),
}

MINUTES_FILE = Path(__file__).with_name("minutes.json")


def measured_minutes(lesson: str) -> str:
    """How long the lesson runs, e.g. ``"≈1.5"``: on full MNIST and two cores, as last recorded."""
    seconds = json.loads(MINUTES_FILE.read_text(encoding="utf-8")).get(lesson)
    return "≈?" if seconds is None else f"≈{max(seconds / 60, 0.1):.1f}"


def lesson_table() -> Markdown:
    """Number, title with link, and measured minutes of every lesson, in the reader's language."""
    lines = [str(Text("| 課 | 題目 | 分鐘 |", "| no. | lesson | minutes |")), "|---|---|---|"]
    for name, title in TITLES.items():
        lines.append(f"| {name[:2]} | [{title}]({name}.ipynb) | {measured_minutes(name)} |")
    return Markdown("\n".join(lines))
