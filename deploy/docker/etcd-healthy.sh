#!/bin/bash
# Whether etcd says that it is healthy. It is asked where it serves its metrics: its client port takes the API server's
# certificate only. Bash speaks TCP, so that the image needs no other client.
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/2381
printf 'GET /health HTTP/1.0\r\n\r\n' >&3
grep -q '"health":"true"' <&3
