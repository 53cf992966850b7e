# A pool's workers on vLLM's own image for NVIDIA GPUs, which brings CUDA, torch and vLLM. Built from the root:
#   docker build --file deploy/images/worker.Dockerfile --tag penstock-worker:0.1.0 .
# Where a build must be the same in a year, name both bases by their digests (...@sha256:...): a tag moves.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN grep --max-count=1 '^setuptools==' requirements/base.txt > build.txt \
    && pip install --no-cache-dir --requirement build.txt \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM vllm/vllm-openai:v0.32.0
LABEL org.opencontainers.image.title="penstock-worker" \
      org.opencontainers.image.description="Penstock's workers, with vLLM" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 0:0
# As the first process, tini reaps what a worker that was killed leaves behind.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 penstock \
    && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin penstock \
    && install --directory --owner=10001 --group=10001 /home/penstock/.cache
# What the image brought stays as it is: Penstock fits itself in, or the build fails.
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    uv pip list --system --format=freeze > /tmp/brought.txt \
    && uv pip install --system --no-cache --constraint /tmp/brought.txt /wheels/penstock-*.whl \
    && rm /tmp/brought.txt
COPY deploy/images/healthcheck.py /usr/local/bin/healthcheck
# Models are mounted and never fetched; what compiling leaves behind goes to the user's .cache, a place for a volume.
ENV HOME=/home/penstock HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1
WORKDIR /home/penstock
USER 10001:10001
# The metrics of the host's first worker; they answer once vLLM is imported, while the model still loads.
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s --retries=3 \
    CMD ["healthcheck", "http://127.0.0.1:9102/metrics"]
ENTRYPOINT ["tini", "--", "penstock"]
CMD ["worker"]
