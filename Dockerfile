# SPDX-License-Identifier: Apache-2.0
# docker build -t weir . && docker run -p 8000:8000 -p 9102:9102 weir serve --upstream HOST:PORT

FROM swift:6.3.1-bookworm AS build

# Not pinned: Debian drops superseded versions, so a pin would break the build with every fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libnghttp2-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /weir
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib -Xlinker -s --product weir

# The same script serves the test that runs without Docker: deploy/scripts/prove-image.
COPY deploy/scripts/collect-root deploy/scripts/collect-root
RUN deploy/scripts/collect-root .build/release/weir /tree

FROM scratch
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="HTTP reverse proxy in front of gunicorn that measures for Prometheus" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /tree /
USER 65532:65532
EXPOSE 8000 9102
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/weir"]
CMD ["serve"]
