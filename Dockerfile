# docker build -t course . && docker run --rm -v course-work:/home/student/course/notebooks -p 127.0.0.1:8888:8888 course
FROM python:3.12-slim AS base
RUN apt-get update && apt-get install --yes --no-install-recommends make git fonts-noto-cjk && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home student && install --directory --owner=student --group=student /home/student/course
USER student
WORKDIR /home/student/course

FROM base
# PyTorch for the CPU, from its own index
ENV TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --chown=student:student tools/install.py tools/
COPY --chown=student:student tools/jupyter/ tools/jupyter/
COPY --chown=student:student requirements.txt ./
RUN python tools/install.py
COPY --chown=student:student . .
EXPOSE 8888
CMD [".venv/bin/python", "-m", "jupyterlab", "notebooks/00_start_here.ipynb", "--ServerApp.root_dir=.", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
