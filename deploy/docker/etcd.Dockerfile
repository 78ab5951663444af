# etcd 3.4 as Debian builds it, for the private store of one cluster.
#
#   docker build -f deploy/docker/etcd.Dockerfile -t clustermesh-etcd:local [--build-arg BASE_IMAGE=...] .
ARG BASE_IMAGE=debian:12
FROM ${BASE_IMAGE}
RUN apt-get update \
  && apt-get install -y --no-install-recommends etcd-server \
  && rm -rf /var/lib/apt/lists/* \
  && rm -rf /var/lib/etcd && install -d -o 10001 -g 10001 -m 0700 /var/lib/etcd \
  && mkdir -p /etc/clustermesh/pki
COPY deploy/docker/etcd-healthy.sh /usr/local/bin/etcd-healthy
# As the API server: the keys of both belong to this user.
USER 10001:10001
ENTRYPOINT ["etcd"]
