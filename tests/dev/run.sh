#!/usr/bin/env bash
# ./dev run: starts the service on this machine, converts the bundled sample by
# one request, shows what came out and how to ask for it, and goes on serving.
set -euo pipefail

port=
once=false
while (($#)); do
    case $1 in
    --once) once=true ;;
    --port)
        port=${2:?--port wants a number}
        shift
        ;;
    *)
        echo "dev: run takes --once and --port N, not '$1'" >&2
        exit 2
        ;;
    esac
    shift
done

here=$(dirname "${BASH_SOURCE[0]}")/..
sample=$here/sample
scratch=build/run
program=build/switchyard
server=

# The port asked for; else 8080, or any free one where that is taken.
free_port() {
    python3 - "$@" <<'PYTHON'
import socket, sys
for port in [int(p) for p in sys.argv[1:]] or [8080, 0]:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError as e:
            if port:
                print(f"dev: port {port}: {e.strerror}", file=sys.stderr)
            continue
        print(s.getsockname()[1])
        break
else:
    sys.exit(1)
PYTHON
}

stop() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    server=
}
trap stop EXIT
trap 'exit 0' INT TERM

wait_until_ready() {
    local i
    for ((i = 0; i < 100; i++)); do
        kill -0 "$server" 2>/dev/null || {
            echo "dev: the service did not start; see $scratch/serve.log" >&2
            cat "$scratch/serve.log" >&2
            exit 1
        }
        curl -sf "$url/readyz" >/dev/null && return
        sleep 0.1
    done
    echo "dev: the service is not ready; see $scratch/serve.log" >&2
    exit 1
}

# The files, and the first values of a few tensors; fails unless all is sound.
show_model() {
    python3 -B - "$here/golden" "$scratch/model" <<'PYTHON'
import json, pathlib, struct, sys
sys.path.insert(0, sys.argv[1])
import run
model = pathlib.Path(sys.argv[2])
for path in sorted(model.iterdir()):
    print(f"{path.stat().st_size:10,}  {path.name}")
config = json.loads((model / "config.json").read_text())
data = (model / "model.safetensors").read_bytes()
tensors = run.tensors(model / "model.safetensors")
size, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + size])
print(f"\n{len(tensors)} tensors of {config['architectures'][0]}, "
      f"{config['num_experts']} experts; a few of them:")
for name in ("shared.weight",
             "encoder.block.0.layer.0.SelfAttention.q.weight",
             "encoder.block.1.layer.1.mlp.experts.expert_3.wi.weight"):
    begin = 8 + size + header[name]["data_offsets"][0]
    values = struct.unpack("<3f", data[begin:begin + 12])
    print(f"  {name}  {header[name]['dtype']} {header[name]['shape']}\n"
          f"      {', '.join(f'{v:.4f}' for v in values)}, ...")
PYTHON
}

show_how() {
    cat <<TEXT

Ask for it with curl:

  curl -F checkpoint=@tests/sample/switch-tiny.tar.gz \\
      -F gin_file=@tests/sample/model.gin $url/v1/convert -o model.tar

or stream a folder of yours:

  tar -c checkpoint_1000 | curl -T - -o model.tar '$url/v1/convert?dtype=bfloat16'

and with Python:

  import io, tarfile, requests
  reply = requests.post("$url/v1/convert", files={
      "checkpoint": open("tests/sample/switch-tiny.tar.gz", "rb"),
      "gin_file": open("tests/sample/model.gin", "rb")})
  reply.raise_for_status()
  tarfile.open(fileobj=io.BytesIO(reply.content)).extractall("model")

What a conversion would do, before it is done:

  curl -F checkpoint=@tests/sample/switch-tiny.tar.gz $url/v1/inspect

Everything else: $url/openapi.yaml
TEXT
}

# The same from the command line must be the same.
compare_with_command() {
    mkdir "$scratch/checkpoint"
    tar -xzf "$sample/switch-tiny.tar.gz" -C "$scratch/checkpoint"
    "$program" convert "$scratch"/checkpoint/* --gin "$sample/model.gin" \
        --out "$scratch/by-command" --quiet
    diff -r "$scratch/model" "$scratch/by-command"
}

rm -rf "$scratch"
mkdir -p "$scratch/model"
port=$(free_port ${port:+"$port"})
url=http://127.0.0.1:$port
"$program" serve --listen "127.0.0.1:$port" --data "$scratch/data" \
    2>"$scratch/serve.log" >&2 &
server=$!
wait_until_ready
echo "Serving at $url; converting the sample ..."
curl -sS --fail-with-body -F "checkpoint=@$sample/switch-tiny.tar.gz" \
    -F "gin_file=@$sample/model.gin" -o "$scratch/model.tar" \
    "$url/v1/convert" || {
    cat "$scratch/model.tar"
    exit 1
}
tar -xf "$scratch/model.tar" -C "$scratch/model"
echo "The reply is $scratch/model.tar; in it:"
echo
show_model
compare_with_command
show_how
$once && exit 0
echo
echo "Serving until Ctrl-C; the log is $scratch/serve.log"
wait "$server"
