# The base of the image over one of a registry: its packages. Without a registry the same packages are
# put together by mmdebstrap (xtask/src/image/base). PACKAGES is docker/packages.txt.
ARG BASE
FROM ${BASE}
ARG PACKAGES
COPY dpkg.cfg /etc/dpkg/dpkg.cfg.d/reelbench
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${PACKAGES} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log
