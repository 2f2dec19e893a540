#!/bin/sh
# Loads smtp-mock, with capture on, and Postfix's smtp-sink with the same smtp-source, one after the other, and prints
# a table: messages a second, the server's processor time for each message, its peak resident memory.
# Usage: beside-smtp-sink.sh PATH-OF-SMTP-MOCK [ROUNDS]; needs Debian's package postfix.
set -eu

mock=${1:?the path of a release build of smtp-mock}
rounds=${2:-3}
sink=$(command -v smtp-sink || echo /usr/sbin/smtp-sink)
source=$(command -v smtp-source || echo /usr/sbin/smtp-source)
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT INT TERM
ticks=$(getconf CLK_TCK)

start_mock() {
    # Memory is bounded by these limits, whatever the load is.
    "$mock" --max-messages 100000 --max-bytes 268435456 >"$work/start" 2>"$work/errors" &
    server=$!
    while ! grep -q listening "$work/start"; do sleep 0.05; done
    port=$(sed 's/.*"smtp":"127.0.0.1:\([0-9]*\)".*/\1/' "$work/start")
}

start_sink() {
    port=$((20000 + $$ % 10000))
    tries=5
    # It refuses to run as root.
    user=
    if [ "$(id -u)" = 0 ]; then user='-u postfix'; fi
    # smtp-sink has no free port of its own choice.
    while :; do
        "$sink" $user "127.0.0.1:$port" 1024 >"$work/start" 2>"$work/errors" &
        server=$!
        while kill -0 "$server" 2>/dev/null; do
            if "$source" -m 1 "127.0.0.1:$port" 2>/dev/null; then return; fi
            sleep 0.05
        done
        tries=$((tries - 1))
        if [ "$tries" = 0 ]; then cat "$work/errors" >&2; exit 1; fi
        port=$((port + 1))
    done
}

cpu() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }

printf '%-10s %8s %8s %10s %12s %10s\n' server sessions octets messages/s 'us CPU/msg' 'peak KiB'
for octets in 1024 102400; do
    for sessions in 1 16 64; do
        if [ "$octets" = 1024 ]; then count=20000; else count=2000; fi
        if [ "$sessions" = 1 ]; then count=$((count / 4)); fi
        for name in smtp-sink smtp-mock; do
            if [ "$name" = smtp-sink ]; then start_sink; else start_mock; fi
            round=0
            : >"$work/rates"
            before=$(cpu)
            while [ "$round" -lt "$rounds" ]; do
                begin=$(date +%s%N)
                "$source" -d -s "$sessions" -m "$count" -l "$octets" -f a@b.test -t c@d.test "127.0.0.1:$port"
                end=$(date +%s%N)
                echo $((count * 1000000000 / (end - begin))) >>"$work/rates"
                round=$((round + 1))
            done
            spent=$((($(cpu) - before) * 1000000 / ticks / (count * rounds)))
            peak=$(awk '/VmHWM/ { print $2 }' "/proc/$server/status")
            rate=$(sort -n "$work/rates" | sed -n "$(((rounds + 1) / 2))p")
            printf '%-10s %8s %8s %10s %12s %10s\n' "$name" "$sessions" "$octets" "$rate" "$spent" "$peak"
            kill "$server"
            wait "$server" 2>/dev/null || true
            server=
        done
    done
done
