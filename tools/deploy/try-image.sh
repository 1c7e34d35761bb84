#!/usr/bin/env bash
# Builds deploy/image/Dockerfile where no registry of images can be reached, starts what came out and asks it for an
# inference: as root on Debian, with buildah and mmdebstrap (npm run setup:deploy). Its bases are made from Debian's
# packages. The server runs as user 10001 without capabilities, on a read-only root, in a mount namespace of its own.
#
#   tools/deploy/try-image.sh [runtime|distroless] [folder for images, kept between calls]
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-runtime}
work=${2:-/var/tmp/tensorgate-image}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
ports=(--grpc-port 18101 --http-port 18100 --metrics-port 18102)
mkdir -p "$work"
export BUILDAH_ISOLATION=chroot TMPDIR=$work
b() { buildah --root "$work/store" --runroot "$work/run" "$@"; }
has() { b images --quiet "$1" >"$work/found" 2>/dev/null; }

# A Debian as small as the official slim image.
slim=(--variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*'
  --dpkgopt='path-exclude=/usr/share/locale/*')
from_packages() {
  local name=$1
  shift
  mmdebstrap --quiet "$@" bookworm "$work/base.tar" "$mirror"
  local base
  base=$(b from scratch)
  b add --quiet "$base" "$work/base.tar" / >"$work/log"
  b commit --quiet "$base" "$name" >"$work/log"
  b rm "$base" >"$work/log"
  rm "$work/base.tar"
}
has localhost/debian || from_packages localhost/debian "${slim[@]}" --include=ca-certificates
# The packages of gcr.io/distroless/cc, without the package manager's data.
has localhost/distroless || from_packages localhost/distroless --variant=extract \
  --include=base-files,libc6,libgcc-s1,libstdc++6,ca-certificates,tzdata --dpkgopt='path-exclude=/usr/share/doc/*'
# Node and npm of this machine, and the authorities that it trusts.
if ! has localhost/node; then
  node=$(b from localhost/debian)
  b run "$node" -- sh -c 'apt-get update -q && apt-get install -y -q --no-install-recommends libatomic1 libstdc++6' >"$work/log"
  b copy --quiet "$node" "$(realpath node_modules/.bin/node)" /usr/local/bin/node >"$work/log"
  b copy --quiet "$node" "$(dirname "$(dirname "$(realpath "$(command -v npm)")")")" /usr/local/lib/node_modules/npm >"$work/log"
  b copy --quiet "$node" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >"$work/log"
  b run "$node" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
  b config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$node"
  b commit --quiet "$node" localhost/node >"$work/log"
  b rm "$node" >"$work/log"
fi

b bud --quiet --layers --format docker --target "$target" --file deploy/image/Dockerfile --tag "localhost/tensorgate:$target" \
  --build-arg NODE=localhost/node --build-arg DEBIAN=localhost/debian --build-arg DISTROLESS=localhost/distroless \
  . >"$work/log" 2>"$work/errors" || { tail -n 30 "$work/errors"; exit 1; }
b images --format '{{.Name}}:{{.Tag}} {{.Size}}' "localhost/tensorgate:$target"
b inspect --format 'user {{.OCIv1.Config.User}}, {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}{{println}}' "localhost/tensorgate:$target"
b push --quiet "localhost/tensorgate:$target" "oci-archive:$work/$target.tar"
echo "compressed: $(($(stat -c %s "$work/$target.tar") / 1000000)) MB"

container=$(b from "localhost/tensorgate:$target")
root=$(b mount "$container")
chmod 755 "$root"
mkdir -p "$root/mnt/models" "$root/proc"
# shellcheck disable=SC2016 # The inner shell expands them.
in_image=(unshare --mount --pid --fork --kill-child -- bash -c '
  root=$1 && shift
  mount --bind "$root" "$root" && mount --bind examples/models "$root/mnt/models"
  mount -o remount,bind,ro "$root" && mount -o remount,bind,ro "$root/mnt/models" && mount -t proc proc "$root/proc"
  exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin NODE_ENV=production TENSORGATE_GRPC_ADDRESS=0.0.0.0 \
    TENSORGATE_HTTP_ADDRESS=0.0.0.0 TENSORGATE_METRICS_ADDRESS=0.0.0.0 \
    setpriv --no-new-privs chroot --userspec=10001:10001 --groups= "$root" "$@"' in_image "$root")
tensorgate=(/usr/local/bin/node /app/bin/tensorgate.js)
url=http://127.0.0.1:18100/v2

now() { date +%s%3N; }
started=$(now)
"${in_image[@]}" "${tensorgate[@]}" serve "${ports[@]}" >"$work/server" 2>&1 &
server=$!
# unshare itself takes no signals.
stop() { pkill -TERM -P "$server" && wait "$server"; }
trap 'stop || true; b rm "$container" >"$work/log"' EXIT
until curl --silent --fail --output "$work/ready" "$url/health/ready"; do
  kill -0 "$server" || { cat "$work/server"; exit 1; }
  [ $(($(now) - started)) -lt 30000 ] || { cat "$work/server"; exit 1; }
  sleep 0.02
done
echo "ready after $(($(now) - started)) ms, with all models of examples/models"
"${in_image[@]}" "${tensorgate[@]}" health --address 127.0.0.1:18101 --timeout 4
answer=$(curl --silent --fail "$url/models/iris/infer" \
  --data '{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}')
echo "$answer"
grep --quiet '"outputs"' <<<"$answer"
stop
echo "stopped in order"
