# syntax=docker/dockerfile:1
# The bot with PyTorch's CPU build. Run docker compose up (compose.yaml), or see docs/how-to/docker.md.

FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/nightword
ENV PATH=/opt/nightword/bin:$PATH
# Dependencies in their own layer, which stays cached when the bot's code changes.
COPY pyproject.toml constraints.txt ./
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-deps --index-url "$TORCH_INDEX" "$(grep '^torch==' constraints.txt)" \
    && python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
        print(*project["dependencies"], *(name for extra in ("gguf", "measure") \
            for name in project["optional-dependencies"][extra]), sep="\n")' \
        > requirements.txt \
    && pip install --constraint constraints.txt --requirement requirements.txt
COPY README.md LICENSE ./
COPY bot bot
RUN pip install --no-deps .

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="Nightword" \
      org.opencontainers.image.description="A Discord bot that lets a community explore a small language model" \
      org.opencontainers.image.licenses="MIT"
# Fonts for pictures of texts in most scripts and of emoji; FriBidi joins emoji such as flags. 60 MB in all.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        fonts-droid-fallback fonts-noto-color-emoji fonts-noto-core libfribidi0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --home-dir /models --shell /usr/sbin/nologin nightword \
    && install --directory --owner=nightword --group=nightword /models
COPY --from=build /opt/nightword /opt/nightword
# Writable paths: the models in a volume, the heartbeat and matplotlib's font list in /tmp. Weights use huge pages.
ENV PATH=/opt/nightword/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HOME=/models \
    BOT_HEARTBEAT_FILE=/tmp/nightword-heartbeat \
    MPLCONFIGDIR=/tmp/matplotlib \
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1
USER nightword
WORKDIR /models
VOLUME /models
STOPSIGNAL SIGTERM
# A loading model is not a failure, and downloading it at the first start can take minutes.
HEALTHCHECK --interval=30s --timeout=10s --start-period=15m --start-interval=5s --retries=2 CMD ["nightword", "health"]
ENTRYPOINT ["nightword"]
CMD ["run"]
