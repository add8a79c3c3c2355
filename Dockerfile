# The service with its index, for `docker compose up` or a cluster. Nothing is fetched when it runs.
FROM node:22-bookworm-slim AS pages
WORKDIR /source
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY . .
COPY --from=pages /source/node_modules node_modules
RUN python -m venv /opt/phenoextract \
    && /opt/phenoextract/bin/pip install --no-cache-dir --require-hashes --requirement requirements/service.txt \
    && /opt/phenoextract/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/phenoextract/bin/phenoextract build-index

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --create-home phenoextract
COPY --from=build /opt/phenoextract /opt/phenoextract
ENV PATH=/opt/phenoextract/bin:$PATH \
    PHENOEXTRACT_HOST=0.0.0.0 \
    PHENOEXTRACT_PORT=8000 \
    PHENOEXTRACT_WORKERS=2 \
    PHENOEXTRACT_DATA_DIR=/data
USER phenoextract
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=5)"]
ENTRYPOINT ["phenoextract"]
CMD ["serve"]
