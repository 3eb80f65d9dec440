# syntax=docker/dockerfile:1

FROM golang:1.26-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgit2-dev libdeflate-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -trimpath -ldflags '-s -w' -o /keytrail ./daemon/cmd/keytrail \
 && install -d -m 0750 /empty

FROM debian:bookworm-slim
# libgit2's security fixes come from Debian, not from go.mod, so the image takes every pending upgrade.
RUN apt-get update \
 && apt-get upgrade -y \
 && apt-get install -y --no-install-recommends libgit2-1.5 libdeflate0 ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /keytrail /usr/local/bin/keytrail
# A number, so that an orchestrator can check that it is not root without reading the image's passwd.
COPY --from=build --chown=10001:10001 /empty /var/lib/keytrail
USER 10001:10001
VOLUME /var/lib/keytrail
EXPOSE 8790
ENTRYPOINT ["keytrail"]
CMD ["serve", "--config", "/etc/keytrail/keytrail.yaml"]
