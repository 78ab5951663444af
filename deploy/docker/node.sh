#!/bin/sh
# Starts the agent of one node in a container: the container is the node. The agent attaches to the container's own cgroup, so
# that exactly the processes of this container reach the services, whatever cgroup namespace the engine gave it. Arguments go to
# `clustermesh agent`.
set -eu

fail() {
  echo "node.sh: $1" >&2
  exit 1
}

# The cgroup2 mount, and this container's place below it: `/` in a cgroup namespace of its own.
mount=$(awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' /proc/self/mountinfo)
place=$(sed -n 's/^0:://p' /proc/self/cgroup)
[ -n "$mount" ] || fail 'no cgroup2 file system is mounted here: the engine runs on cgroup v1; see docs/operations.md'
cgroup="${mount%/}${place%/}"

# Only the root of all cgroups has no type. There the agent would serve every process of the host.
[ -e "$cgroup/cgroup.type" ] || fail "$cgroup is not a cgroup of this container alone; see docs/operations.md"

exec clustermesh agent --set "datapath.cgroup=$cgroup" "$@"
