. "$(dirname "$0")/common.sh"
bench_enter 900 "$@"
ROUNDS=${ROUNDS:-31} PACKETS=${PACKETS:-10000}
namespace() { local ns=$TP_SANDBOX-$1; bench_namespace "$1"; ip -n "$ns" route add blackhole 198.18.0.0/15; args+=("$1-miss=$ns=198.19.1.1"); hits+=("$1-hit=$ns=198.18.1.1"); }
namespace none
for v in new old; do namespace $v
l=./tproxy-loader; [ $v = new ] || l=/work/wt/base/tproxy-loader
printf '[loader]\ninterfaces = tap0\n[rule last]\nto = 198.18.1.0/24\nports = 22\naction = drop\n' >$WORK/$v.conf
$l -q -n "$TP_SANDBOX-$v" apply $WORK/$v.conf; done
for how in ack syn; do echo $how; build/tests/bench/flowcost $how $ROUNDS $PACKETS 22 "${args[@]}" | python3 -c "
import json,sys
for s in json.load(sys.stdin)['setups']: print(s['name'], s['extra_ns_median'], s['extra_ns_q1'], s['extra_ns_q3'])"; done
echo syn hit;  build/tests/bench/flowcost syn $ROUNDS $PACKETS 22 "${hits[@]}" | python3 -c "
import json,sys
for s in json.load(sys.stdin)['setups']: print(s['name'], s['extra_ns_median'], s['extra_ns_q1'], s['extra_ns_q3'])"
