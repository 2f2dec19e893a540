#!/bin/sh
# Loads smtp-mock, with capture on, and Postfix's smtp-sink with the same client, in pairs: a round of one, a round of
# the other. Prints a table: messages a second (the median of the rounds), the server's processor time for each message,
# its peak resident memory, and the median of the rounds' ratios of smtp-mock's speed to smtp-sink's. At the end the
# memory of a thousand idle sessions.
#
# Usage: beside-smtp-sink.sh PATH-OF-SMTP-MOCK [ROUNDS [PATH-OF-SMTP-CLI]]; needs Debian's package postfix. With the path
# of smtp-cli it is a client too, with PIPELINING; smtp-source has none. SCALE=4 sends a quarter of the messages.
set -eu

mock=${1:?the path of a release build of smtp-mock}
rounds=${2:-5}
client=${3:-}
scale=${SCALE:-1}
sink=$(command -v smtp-sink || echo /usr/sbin/smtp-sink)
source=$(command -v smtp-source || echo /usr/sbin/smtp-source)
work=$(mktemp -d)
mock_pid=
sink_pid=
stop() {
    for server in $mock_pid $sink_pid; do
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    mock_pid=
    sink_pid=
}
trap 'stop; rm -rf "$work"' EXIT INT TERM
ticks=$(getconf CLK_TCK)

start_mock() {
    rm -f "$work/start"
    # Memory is bounded by these limits, whatever the load is.
    "$mock" --max-messages 100000 --max-bytes 268435456 >"$work/start" 2>"$work/errors" &
    mock_pid=$!
    while ! grep -qs listening "$work/start"; do sleep 0.05; done
    mock_port=$(sed 's/.*"smtp":"127.0.0.1:\([0-9]*\)".*/\1/' "$work/start")
}

start_sink() {
    sink_port=$((20000 + $$ % 10000))
    tries=5
    # It refuses to run as root.
    user=
    if [ "$(id -u)" = 0 ]; then user='-u postfix'; fi
    # smtp-sink has no free port of its own choice. It offers PIPELINING by itself.
    while :; do
        "$sink" $user "127.0.0.1:$sink_port" 1024 >"$work/sink" 2>"$work/errors" &
        sink_pid=$!
        while kill -0 "$sink_pid" 2>/dev/null; do
            if "$source" -m 1 "127.0.0.1:$sink_port" 2>/dev/null; then return; fi
            sleep 0.05
        done
        tries=$((tries - 1))
        if [ "$tries" = 0 ]; then cat "$work/errors" >&2; exit 1; fi
        sink_port=$((sink_port + 1))
    done
}

cpu() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
median() { sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"; }

# load CLIENT SESSIONS COUNT OCTETS PORT
load() {
    case $1 in
    kept) "$source" -d -s "$2" -m "$3" -l "$4" -f a@b.test -t c@d.test "127.0.0.1:$5" ;;
    each) "$source" -s "$2" -m "$3" -l "$4" -f a@b.test -t c@d.test "127.0.0.1:$5" ;;
    smtp-cli | in-flight)
        # Messages in flight want CHUNKING, which smtp-sink does not offer: there the client does what it can without.
        more=
        if [ "$1" = in-flight ]; then more='--in-flight 32'; fi
        "$client" send --server 127.0.0.1 --port "$5" --tls none --from a@b.test --to c@d.test \
            --repeat "$3" --connections "$2" $more --quiet --eml "$work/$4.eml" >"$work/said" 2>&1 || {
            cat "$work/said" >&2
            exit 1
        }
        ;;
    esac
}

# row CLIENT SESSIONS COUNT OCTETS
row() {
    messages=$(($3 / scale))
    start_sink
    start_mock
    : >"$work/smtp-sink"
    : >"$work/smtp-mock"
    : >"$work/ratios"
    sink_before=$(cpu "$sink_pid")
    mock_before=$(cpu "$mock_pid")
    round=0
    while [ "$round" -lt "$rounds" ]; do
        for name in smtp-sink smtp-mock; do
            if [ "$name" = smtp-sink ]; then port=$sink_port; else port=$mock_port; fi
            begin=$(date +%s%N)
            load "$1" "$2" "$messages" "$4" "$port"
            end=$(date +%s%N)
            echo $((messages * 1000000000 / (end - begin))) >>"$work/$name"
        done
        echo "$(tail -n 1 "$work/smtp-mock") $(tail -n 1 "$work/smtp-sink")" |
            awk '{ printf "%.2f\n", $1 / $2 }' >>"$work/ratios"
        round=$((round + 1))
    done
    for name in smtp-sink smtp-mock; do
        if [ "$name" = smtp-sink ]; then
            server=$sink_pid before=$sink_before ratio=
        else
            server=$mock_pid before=$mock_before ratio=$(median "$work/ratios")
        fi
        spent=$((($(cpu "$server") - before) * 1000000 / ticks / (messages * rounds)))
        peak=$(awk '/VmHWM/ { print $2 }' "/proc/$server/status")
        printf '%-10s %-10s %8s %8s %11s %11s %9s %6s\n' \
            "$1" "$name" "$2" "$4" "$(median "$work/$name")" "$spent" "$peak" "$ratio"
    done
    stop
}

printf '%-10s %-10s %8s %8s %11s %11s %9s %6s\n' \
    client server sessions octets messages/s 'us CPU/msg' 'peak KiB' ratio
for sessions in 1 16 64; do
    if [ "$sessions" = 1 ]; then count=5000; else count=20000; fi
    # A kept connection, then a connection for each message.
    row kept "$sessions" "$count" 1024
    row each "$sessions" $((count / 4)) 1024
    row kept "$sessions" $((count / 10)) 102400
done
if [ -n "$client" ]; then
    for octets in 1024 102400; do
        {
            printf 'From: a@b.test\r\nTo: c@d.test\r\nSubject: load\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\n'
            printf 'Message-ID: <load@b.test>\r\n\r\n'
            awk -v octets="$octets" 'BEGIN {
                for (left = octets - 128; left > 0; left -= 64)
                    printf "%s\r\n", "The quick brown fox jumps over the lazy dog, again and again."
            }'
        } >"$work/$octets.eml"
    done
    for sessions in 1 16 64; do
        row smtp-cli "$sessions" 40000 1024
        row in-flight "$sessions" 40000 1024
        row smtp-cli "$sessions" 4000 102400
    done
fi

# What a thousand sessions cost that have said EHLO and wait.
start_mock
python3 - "$mock_port" "$mock_pid" <<'END'
import socket, sys

port, pid = int(sys.argv[1]), sys.argv[2]


def resident():
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def session():
    connection = socket.create_connection(("127.0.0.1", port))
    connection.recv(4096)
    connection.sendall(b"EHLO idle.test\r\n")
    connection.recv(4096)
    return connection


first = session()
before = resident()
sessions = [session() for _ in range(1000)]
print(f"1,000 idle sessions: {(resident() - before) / 1000:.1f} KiB each")
END
stop
