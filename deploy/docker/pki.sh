#!/bin/sh
# Makes the certificates of the three clusters, one volume for each, and binds each authority to its name at the two others. What it
# makes is renewed by the services called renew: running programs take new certificates without a restart. Only in a trial does one place hold
# the authorities of all clusters; see docs/operations.md for how it is done between administrators.
set -eu

clusters='west central east'
# The user of API servers and etcd. Agents are root, as what they do to the kernel needs it.
user=10001:10001

for cluster in $clusters; do
  clustermesh pki init --cluster "$cluster" --dir "/pki/$cluster" \
    --node "$cluster-1" --node "$cluster-2" --etcd-address etcd
done

for cluster in $clusters; do
  for peer in $clusters; do
    [ "$peer" = "$cluster" ] && continue
    clustermesh pki trust --dir "/pki/$cluster" --peer "$peer" --ca "/pki/$peer/ca/ca.pem"
  done
  # Every key belongs to the one user that uses it; the key of the authority to nobody but root.
  (
    cd "/pki/$cluster"
    chmod 755 . ca
    chown -R "$user" etcd-server etcd-client door peer rpc http admin metrics trust
  )
done
