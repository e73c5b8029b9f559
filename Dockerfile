# syntax=docker/dockerfile:1
# Cambio's image: the binary on distroless, nothing else. No shell, no package manager, not
# root; it writes only below /var/lib/cambio, so the root file system can be read-only:
#
#   docker build -t cambio .
#   docker run --read-only -p 8080:8080 -v cambio-state:/var/lib/cambio \
#       -v ./cambio.toml:/etc/cambio/cambio.toml:ro cambio
#
# glibc and not a static musl binary: musl's allocator costs a multi-threaded server much of
# its speed. A C compiler is in the build image already; the cryptography needs no CMake here.

ARG RUST_VERSION=1.95.0
FROM rust:${RUST_VERSION}-slim-bookworm AS build
ARG RUST_VERSION
# The image's own toolchain, or rustup would fetch the lint tools that rust-toolchain.toml asks
# for. Symbol names stay for backtraces, line tables do not.
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION} \
    CARGO_INCREMENTAL=0 \
    CARGO_PROFILE_RELEASE_STRIP=debuginfo
WORKDIR /src
COPY . .
# The target directory is a cache and no part of a layer: the binary is copied out of it. The
# state directory is made here because the final stage has no shell to make it with.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin cambio \
    && install -D -m 0755 target/release/cambio /out/usr/bin/cambio \
    && install -d -m 0700 /out/var/lib/cambio

FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cambio" \
    org.opencontainers.image.description="Token-exchange gateway: SSO cookies and session tokens in, JWTs out" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/usr/bin/cambio /usr/bin/cambio
# Its parent is named, because a directory that is copied itself loses its mode.
COPY --from=build --chown=65532:65532 /out/var/lib/ /var/lib/
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
# Relative paths of the configuration, and SQLite's temporary files, end up in the volume.
WORKDIR /var/lib/cambio
VOLUME ["/var/lib/cambio"]
# The service; the admin listener (/livez, /readyz), which listens on loopback unless configured.
EXPOSE 8080 9090
# The first signal drains, so the grace period must be longer than the configured drain time.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/bin/cambio", "healthcheck", "--config", "/etc/cambio/cambio.toml"]
ENTRYPOINT ["/usr/bin/cambio"]
CMD ["serve", "--config", "/etc/cambio/cambio.toml"]
