# Everything of Penstock but the engines: one image for ingress, scheduler, background process and tokenizer service. From the root:
#   docker build --file deploy/images/penstock.Dockerfile --tag penstock:0.1.0 .
# Where a build must be the same in a year, name the base by its digest (python:3.11-slim-bookworm@sha256:...): a tag moves.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/penstock
# The pins first: they change less often than the code.
COPY requirements/base.txt requirements/
RUN /opt/penstock/bin/pip install --no-cache-dir --no-deps --requirement requirements/base.txt
COPY . .
RUN /opt/penstock/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/penstock/bin/pip install --no-cache-dir --no-deps --no-index --find-links /wheels penstock

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="penstock" \
      org.opencontainers.image.description="Penstock's ingress, scheduler, background process and tokenizer service" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# As the first process of a container, tini passes signals on from the first moment, and reaps what others leave behind. An
# archive keeps one version of it: there is none to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 penstock \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin penstock \
    # A new volume takes over whose this is.
    && install --directory --owner 10001 --group 10001 /var/lib/penstock
COPY --from=build /opt/penstock /opt/penstock
COPY deploy/images/healthcheck.py /usr/local/bin/healthcheck
ENV PATH=/opt/penstock/bin:$PATH
USER 10001:10001
EXPOSE 8000
# Whichever role runs: ingress, scheduler, background process, tokenizer service.
HEALTHCHECK --interval=10s --timeout=10s --start-period=30s --retries=3 \
    CMD ["healthcheck", "http://127.0.0.1:8000/health", "http://127.0.0.1:9101/metrics", \
         "http://127.0.0.1:9103/metrics", "http://127.0.0.1:8001/health"]
ENTRYPOINT ["tini", "--", "penstock"]
CMD ["ingress"]
