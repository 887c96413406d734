# The service in one image: `docker build .` makes the worker, `--target sandbox` the
# fake Stripe that docker-compose.yml tries things out with. tests/architecture/
# test_deployment.py runs these steps without a container engine.

FROM python:3.11-slim AS build
WORKDIR /src
RUN python3 -m venv --without-pip /opt/sources
COPY requirements.lock ./
RUN python3 -m pip --python /opt/sources/bin/python install --no-cache-dir --no-deps \
    --require-hashes --only-binary=:all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY client/ client/
COPY config/ config/
COPY tasks/ tasks/
COPY worker/ worker/
# Nothing is looked up in an index: both projects and their build backend are here.
RUN python3 -m pip --python /opt/sources/bin/python install --no-cache-dir --no-deps \
    --no-index --no-build-isolation ./client .

FROM build AS sandbox-build
COPY requirements-sandbox.lock ./
RUN python3 -m pip --python /opt/sources/bin/python install --no-cache-dir --no-deps \
    --require-hashes --only-binary=:all: -r requirements-sandbox.lock

FROM python:3.11-slim AS sandbox
COPY --from=sandbox-build /opt/sources /opt/sources
ENV PATH=/opt/sources/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /srv
COPY sandbox/ sandbox/
USER 65532:65532
CMD ["python", "-m", "sandbox", "--host", "0.0.0.0", "--auto-customers"]

FROM python:3.11-slim AS worker
COPY --from=build /opt/sources /opt/sources
ENV PATH=/opt/sources/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /srv
USER 65532:65532
CMD ["sources", "worker"]
