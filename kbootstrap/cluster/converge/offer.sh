# Passes files of this machine on to other nodes for a while. Prints "offer PORT PID"; nothing without python3. What it
# offers is public, and it can read nothing else: it opens the files and gives up its rights. The receiver verifies a
# checksum. Whoever ends the process PID ends it at once. The caller sets, before this text:
#   address to listen on, first and last port to choose from, seconds, files: a line for each, "NAME PATH".
python=''
for one in python3 /usr/libexec/platform-python; do
    if [ -z "$python" ] && "$one" -c 'import socket' >/dev/null 2>&1; then python=$one; fi
done
[ -n "$python" ] || exit 0
"$python" - "$address" "$first" "$last" "$seconds" "$files" <<'END'
import os, random, signal, socket, sys, threading

address, first, last, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
files = {}
for line in sys.argv[5].splitlines():
    name, path = line.split(" ", 1)
    files[name] = os.open(path, os.O_RDONLY)
for port in random.sample(range(first, last + 1), 20):
    try:
        server = socket.create_server((address, port), backlog=64)
        break
    except OSError:
        continue
else:
    sys.exit()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
child = os.fork()
if child:
    print("offer", port, child)
    sys.exit()
signal.alarm(seconds)
os.setsid()
nothing = os.open("/dev/null", os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(nothing, number)


def serve(client):
    with client:
        client.settimeout(60)
        try:
            name = client.makefile("rb").readline(200).decode().strip()
            if name in files:
                size, sent = os.fstat(files[name]).st_size, 0
                while sent < size:
                    count = os.sendfile(client.fileno(), files[name], sent, min(1 << 20, size - sent))
                    if not count:
                        break
                    sent += count
        except (OSError, ValueError):
            pass


while True:
    try:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
    except OSError:
        pass
END
