# Fenghuo in one image: `serve` runs everything, `web`, `worker` and `media` run one process each (deploy/compose.yaml).
#
# BASE needs Python 3.11 or newer with venv, and tzdata. Nothing of the machine that builds is copied into the image.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/fenghuo/venv && python3 -m venv /opt/node
WORKDIR /opt/fenghuo/app
COPY requirements/ requirements/
RUN /opt/fenghuo/venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/base.lock
# Node fetches the browser parts and stays behind in this stage.
RUN /opt/node/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/node.lock
COPY . .
RUN PYTHONPATH=/opt/fenghuo/app /opt/node/bin/python -m dashboard.vendor && rm -rf node_modules
RUN venv=/opt/fenghuo/venv \
 && $venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e . \
 && $venv/bin/python -m pip uninstall --quiet --yes pip \
 && find $venv -type d \( -name tests -o -name labextension \) -path '*/site-packages/*/*' -prune -exec rm -rf {} + \
 && find $venv -path '*/site-packages/*' -name '*.js.map' -delete \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/fenghuo \
 && groupadd --gid 10001 fenghuo \
 && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin fenghuo \
 && mkdir -m 0700 /opt/data

FROM ${BASE}
LABEL org.opencontainers.image.title="Fenghuo" \
      org.opencontainers.image.licenses="Apache-2.0"
# The final stage runs nothing, so that it takes nothing from the machine that builds.
COPY --from=build /etc/passwd /etc/group /etc/
COPY --from=build /opt/fenghuo /opt/fenghuo
COPY --from=build --chown=10001:10001 /opt/data /data
ENV PATH=/opt/fenghuo/venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/data \
    FENGHUO_HOME=/data \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8050/tcp 8052/tcp 8051/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "/opt/fenghuo/app/deploy/healthcheck.py"]
ENTRYPOINT ["fenghuo"]
CMD ["serve"]
